/** A process of its own that verifies archives one after another: several run at once. */
import { createReadStream } from "node:fs";
import { Secret } from "../../../src/secret/secret.ts";
import { archiveStream } from "../../../src/verify/sources/archive.ts";
import { verify } from "../../../src/verify/verify.ts";

const [value = "", ...archives] = process.argv.slice(2);
const secrets = [Secret.take("S", Buffer.from(value))];
for (const path of archives) {
  const source = archiveStream(createReadStream(path), path);
  const { findings, unseen } = await verify(source, secrets, { env: process.env }).report();
  if (findings.length + unseen.length > 0) throw new Error("not clean");
}
