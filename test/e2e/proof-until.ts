/**
 * A program that stops dead in the middle of a proof, for a test that kills it:
 * `proof-until.ts HOST push IMAGE` and `proof-until.ts HOST build TAG OUTPUT…`, in the working folder.
 */
import { build } from "../../src/build/build.ts";
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
  await build({
    engine,
    context: ".",
    cwd: process.cwd(),
    env: process.env,
    secrets: { ids: [], open: async () => Promise.resolve(null) },
    network: "none",
    tags: [name],
    outputs,
    stdout: process.stdout,
    prove: async () => Promise.resolve(stop()),
  });
}
