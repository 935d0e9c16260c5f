/** A program that starts a run and stops dead at a phase: `run-until.ts HOST DELIVERY PHASE`. */
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { run } from "../../src/run/run.ts";
import { Secret } from "../../src/secret/secret.ts";

const [host, delivery, phase] = process.argv.slice(2);
const engine = await Engine.connect(await resolveEndpoint({ host, env: {}, home: "/" }));

await run({
  engine,
  image: "busybox:local",
  command: ["sleep", "60"],
  entries: [
    {
      name: "A",
      value: Secret.take("A", Buffer.from("purr")),
      sensitive: true,
      file: { path: "/run/secrets/A" },
    },
  ],
  delivery: delivery === "bind" ? "bind" : "volume",
  container: { rm: true },
  env: process.env,
  cwd: "/",
  io: { stdout: process.stdout, stderr: process.stderr },
  onPhase(now) {
    if (now !== phase) return;
    process.stdout.write("here\n");
    // no event is handled any more: only a SIGKILL ends this
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
});
