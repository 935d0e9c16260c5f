import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { formatPrivateKey, newKeyPair, type KeyPair } from "../../../src/crypto/keypair.ts";

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
