/** A program that starts a refresh and stops dead at a phase: `refresh-until.ts HOST KIND CONTAINER PHASE`. */
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { refresh } from "../../src/run/live/refresh.ts";
import { Secret } from "../../src/secret/secret.ts";

const [host, kind, container = "", phase] = process.argv.slice(2);
const endpoint = await resolveEndpoint({ host, env: {}, home: "/" });

await refresh({
  engine: await Engine.connect({ ...endpoint, local: kind === "bind" }),
  container,
  entries: ["A", "B"].map((name) => ({ name, value: Secret.take(name, Buffer.from("killed")) })),
  env: process.env,
  onPhase(now) {
    if (now !== phase) return;
    process.stdout.write("here\n");
    // no event is handled any more: only a SIGKILL ends this
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
});
