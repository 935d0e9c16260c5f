/**
 * A program that stops dead in the middle of a proof, for a test that kills it:
 * `proof-until.ts HOST push IMAGE`, and in the folder of a build `proof-until.ts HOST build TAG OUTPUT…`
 * and `proof-until.ts HOST via TAG`.
 */
import { build } from "../../src/build/build.ts";
import { buildViaProved } from "../../src/build/via-proof.ts";
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { engineImage } from "../../src/verify/sources/engine.ts";
import { verify } from "../../src/verify/verify.ts";

const [host, what, name = "", ...outputs] = process.argv.slice(2);
const engine = await Engine.connect(await resolveEndpoint({ host, env: {}, home: "/" }));

function stop(): void {
  process.stderr.write("here\n");
  // no event is handled any more: only a SIGKILL ends this
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

if (what === "push") {
  await verify(engineImage(engine, name, { route: "push" }), [], { onProgress: stop }).report();
} else {
  const common = {
    engine,
    context: ".",
    cwd: process.cwd(),
    env: process.env,
    secrets: { ids: [], open: async () => Promise.resolve(null) },
    network: "none",
    tags: [name],
    prove: async () => Promise.resolve(stop()),
  };
  const childEnv = { ...process.env, PATH: process.env["PATH"] ?? "" };
  if (what === "via") await buildViaProved({ ...common, tool: "docker", childEnv });
  else await build({ ...common, outputs, stdout: process.stdout });
}
