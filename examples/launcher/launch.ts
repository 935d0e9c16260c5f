/**
 * A launcher in one file: builds the app of a folder, proves its image clean, and runs it, all by
 * the library. `node launch.ts FOLDER ENVIRONMENT`; Node 22.18 or newer runs it as it is.
 */
import { homedir } from "node:os";
import {
  assertClean,
  build,
  BuildVault,
  Engine,
  findKeys,
  findProject,
  Mask,
  openEnvironment,
  openForVerify,
  resolveEndpoint,
  run,
  SealmountError,
  verify,
} from "sealmount";

const IMAGE = "launcher-example";

async function launch(cwd: string, environment: string): Promise<number> {
  const { env } = process;
  const home = homedir();
  const engine = await Engine.connect(await resolveEndpoint({ env, home }));
  const project = await findProject({ cwd });
  const { app } = project.manifest.seal;
  using keys = await findKeys({ app, env, home });
  const keyring = async (): Promise<typeof keys> => keys;

  // each build secret is opened when a step asks for it
  using vault = new BuildVault(project, keyring);
  await build({ engine, context: ".", cwd, env, tags: [IMAGE], secrets: vault });

  using secrets = await openForVerify(project, {
    environments: [environment],
    build: true,
    keyring,
    env,
  });
  assertClean(await verify({ engine, image: IMAGE, secrets }));

  using opened = await openEnvironment(project, { environment, keyring, env });
  using mask = new Mask(opened.entries.map(({ value }) => value));
  const [stdout, stderr] = [mask.stream(), mask.stream()];
  stdout.pipe(process.stdout);
  stderr.pipe(process.stderr);
  const { exitCode } = await run({
    engine,
    image: IMAGE,
    entries: opened.entries,
    container: { rm: true },
    env,
    cwd,
    io: { stdout, stderr },
  });
  stdout.end();
  stderr.end();
  return exitCode;
}

try {
  const [folder = ".", environment = "test"] = process.argv.slice(2);
  process.exitCode = await launch(folder, environment);
} catch (error) {
  if (!(error instanceof SealmountError)) throw error;
  process.stderr.write(`${error.message} [${error.code}]\n${error.hint ?? ""}\n`);
  process.exitCode = error.exitCode;
}
