import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { newKeyPair, type KeyPair } from "../../../src/crypto/keypair.ts";
import { seal } from "../../../src/crypto/seal.ts";
import { Keyring } from "../../../src/keys/keyring.ts";
import { parseManifest } from "../../../src/manifest/parse.ts";
import { Secret } from "../../../src/secret/secret.ts";
import type { KeyringSource, VaultProject } from "../../../src/vault/open-entries.ts";

/** An app with a key pair, whose manifest a test writes. */
export interface App {
  readonly pair: KeyPair;
  /** `{ encrypted = "…" }` for a place of this app. */
  sealed(scope: string, name: string, value: string | Uint8Array): Promise<string>;
  /** Parses a manifest; `[seal]` is put in front, with more lines if given. */
  project(text: string, more?: string): VaultProject;
}

export async function newApp(app = "cats"): Promise<App> {
  const pair = await newKeyPair();
  return {
    pair,
    async sealed(scope, name, value) {
      const secret = Secret.take("test", Buffer.from(value));
      const box = await seal(pair.publicKey, { app, scope, name }, secret);
      return `{ encrypted = "${box}" }`;
    },
    project(text, more = "") {
      const head = `[seal]\napp = "${app}"\npublic_key = "${pair.publicKey.text}"\n${more}\n`;
      const context = { file: "iterapp.toml", folderName: app };
      return { manifest: parseManifest(head + text, context) };
    },
  };
}

/** A keyring of these keys. */
export function keyringOf(...pairs: KeyPair[]): KeyringSource {
  return async () => {
    const keys = pairs.map((pair) => ({ source: "SEALMOUNT_KEY", pair }));
    return Promise.resolve(new Keyring(keys, ["SEALMOUNT_KEY", "key_command"]));
  };
}

/** For what must be found wrong before any key is looked for. */
export const noKeyring: KeyringSource = async () => {
  return Promise.reject(new Error("a key was looked for"));
};

/** PATH with a `kubectl` that is the given shell script. */
export function fakeKubectl(script: string): { PATH: string } {
  const folder = mkdtempSync(join(tmpdir(), "smtest-kubectl-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "kubectl");
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return { PATH: `${folder}:/usr/bin:/bin` };
}
