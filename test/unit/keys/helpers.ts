import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { formatPrivateKey, newKeyPair, type KeyPair } from "../../../src/crypto/keypair.ts";
import { SealmountError } from "../../../src/errors.ts";

/** A folder of this test's own, removed with it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "smtest-keys-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A key pair and the text of its private half. */
export async function keyWithText(): Promise<{ pair: KeyPair; text: string }> {
  const pair = await newKeyPair();
  return { pair, text: formatPrivateKey(pair.privateKey).use(String) };
}

/** The error that a call fails with, after a look that it quotes none of the given texts. */
export async function failureOf(
  call: Promise<unknown>,
  ...unspeakable: string[]
): Promise<SealmountError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SealmountError)) throw new Error(`it worked or crashed: ${String(error)}`);
  const said = [error.message, error.hint, error.stack, JSON.stringify(error)].join("\n");
  for (const text of unspeakable) {
    if (said.includes(text)) throw new Error("the error quotes what it must not");
  }
  return error;
}
