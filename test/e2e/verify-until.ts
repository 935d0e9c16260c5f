/** A program that searches build records and stops dead in them: `verify-until.ts HOST`. */
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { Secret } from "../../src/secret/secret.ts";
import { engineImage } from "../../src/verify/sources/engine.ts";
import { verify } from "../../src/verify/verify.ts";

const [host = ""] = process.argv.slice(2);
const engine = await Engine.connect(await resolveEndpoint({ host, env: {}, home: "/" }));
const secrets = [Secret.take("A", Buffer.from("purr-purr-purr"))];
let ofImage = 0;
const image = engineImage(engine, "busybox:local", { route: "save" });
await verify(image, secrets, { onProgress: (bytes) => (ofImage = bytes) }).report();

const source = engineImage(engine, "busybox:local", { history: true, route: "save" });
await verify(source, secrets, {
  onProgress(bytes) {
    if (bytes <= ofImage) return;
    process.stdout.write("here\n");
    // no event is handled any more: only a SIGKILL ends this
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
}).report();
