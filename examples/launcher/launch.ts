/**
 * A launcher in one file: builds the app of a folder, proves its image clean, and starts it, all by
 * the library. `node launch.ts FOLDER ENVIRONMENT` prints the container's id; Node 22.18 or newer
 * runs it as it is.
 */
import { homedir } from "node:os";
import {
  assertClean,
  build,
  BuildVault,
  Engine,
  engineImage,
  findProject,
  launch,
  openForVerify,
  resolveEndpoint,
  SealmountError,
  searchKeys,
  verify,
} from "sealmount";

const IMAGE = "launcher-example";

async function main(cwd: string, environment: string): Promise<string> {
  const { env } = process;
  const home = homedir();
  const engine = await Engine.connect(await resolveEndpoint({ env, home }));
  const project = await findProject({ cwd });
  using keys = searchKeys({ app: project.manifest.seal.app, env, home });
  const keyring = keys.find;

  // each build secret is opened when a step asks for it
  using vault = new BuildVault(project, keyring);
  await build({ engine, context: ".", cwd, env, tags: [IMAGE], secrets: vault });

  using secrets = await openForVerify(project, {
    environments: [environment],
    build: true,
    keyring,
    env,
  });
  assertClean(await verify(engineImage(engine, IMAGE), secrets).report());

  const { containerId, warnings } = await launch({
    engine,
    project,
    environment,
    image: IMAGE,
    variables: "hidden",
  });
  for (const warning of warnings) process.stderr.write(`${warning}\n`);
  return containerId;
}

try {
  const [folder = ".", environment = "test"] = process.argv.slice(2);
  process.stdout.write(`${await main(folder, environment)}\n`);
} catch (error) {
  if (!(error instanceof SealmountError)) throw error;
  process.stderr.write(`${error.message} [${error.code}]\n${error.hint ?? ""}\n`);
  process.exitCode = error.exitCode;
}
