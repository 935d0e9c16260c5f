/** A program that searches build records and stops dead in them: `verify-until.ts HOST`. */
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { Secret } from "../../src/secret/secret.ts";
import { engineImage } from "../../src/verify/sources/engine.ts";
import { verify } from "../../src/verify/verify.ts";

const [host = ""] = process.argv.slice(2);
const engine = await Engine.connect(await resolveEndpoint({ host, env: {}, home: "/" }));
const { Size: size = 0 } = (await engine.inspectImage("busybox:local")) ?? {};
const source = engineImage(engine, "busybox:local", { history: true, route: "save" });

await verify(source, [Secret.take("A", Buffer.from("purr-purr-purr"))], {
  onProgress(bytes) {
    // the archive has some KB beside the image
    if (bytes < size + 200_000) return;
    process.stdout.write("here\n");
    // no event is handled any more: only a SIGKILL ends this
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
}).report();
