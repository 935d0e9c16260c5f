import { exportKey, type Secret, UsageError } from "../../index.ts";
import type { HostOutput } from "../host.ts";
import type { Handler } from "../spec.ts";
import { appOf } from "./key-shared.ts";
import { optional } from "./shared.ts";

/** `key export`: the only command that prints a private key, and never on a screen unasked. */
export const handle: Handler = async (context) => {
  const { values, env, host } = context;
  if (host.stdout.isTTY === true && !values.flag("yes"))
    throw new UsageError("USAGE", "key export would show the private key on this terminal", {
      hint: "pipe it into the store that keeps it, or add --yes",
    });
  const app = await appOf(context);
  const publicKey = optional("publicKey", values.get("public-key"));
  using key = await exportKey({ app, env, home: host.home, ...publicKey });
  await writeOnce(host.stdout, key);
  return 0;
};

/** Writes past the mask, on purpose, and wipes the bytes when they are out. */
async function writeOnce(stdout: HostOutput, key: Secret): Promise<void> {
  const line = key.use((bytes) => Buffer.concat([bytes, Buffer.from("\n")]));
  await new Promise<void>((resolve) => {
    stdout.write(line, () => resolve());
  });
  line.fill(0);
}
