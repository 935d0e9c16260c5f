import { parsePublicKey } from "../crypto/keypair.ts";
import type { PublicKey } from "../crypto/keypair.ts";
import { KeyStoreError } from "../errors.ts";
import { publicKeyFor } from "../manifest/model.ts";
import type { Scope } from "../manifest/model.ts";
import { tomlKey } from "../manifest/toml-text.ts";
import type { Project } from "./project.ts";

/**
 * The public key that a scope's values are sealed for.
 *
 * @throws KeyStoreError KEY_NOT_FOUND when the manifest has none, KEY_INVALID
 */
export function publicKeyOf({ manifest }: Project, scope: Scope): PublicKey {
  const text = publicKeyFor(manifest.seal, scope);
  const place = { file: manifest.file, key: "seal.public_key" };
  if (text === undefined) {
    const message = `the manifest has no public key to seal for (scope ${tomlKey(scope)})`;
    throw new KeyStoreError("KEY_NOT_FOUND", message, { place, hint: "sealmount key new" });
  }
  const publicKey = parsePublicKey(text);
  if (publicKey) return publicKey;
  throw new KeyStoreError("KEY_INVALID", "the manifest's public key can't be read", {
    place,
    hint: "write the one that sealmount key ls shows",
  });
}
