import { execFileSync } from "node:child_process";
import process from "node:process";
import { expect, it } from "vitest";

const SCRIPT = `
import { networkInterfaces } from "node:os";
const { newKeyPair } = await import(process.argv[1] + "/keypair.ts");
const { seal, unseal } = await import(process.argv[1] + "/seal.ts");
const { Secret } = await import(process.argv[1] + "/../secret/secret.ts");
const pair = await newKeyPair();
const place = { app: "cats", scope: "prod", name: "A" };
const text = await seal(pair.publicKey, place, Secret.take("A", Buffer.from("offline")));
const { secret } = await unseal(text, [pair], place);
console.log(Object.keys(networkInterfaces()).length, secret.use(String));
`;

it("IT7: seals and opens without any network", () => {
  const crypto = new URL("../../../src/crypto", import.meta.url).pathname;
  const node = [process.execPath, "--input-type=module", "-e", SCRIPT, crypto];
  // a network namespace of its own: not even the loopback interface is up
  const isRoot = process.getuid?.() === 0;
  const output = execFileSync("unshare", [isRoot ? "-n" : "-rn", ...node], { encoding: "utf8" });
  expect(output).toBe("0 offline\n");
});
