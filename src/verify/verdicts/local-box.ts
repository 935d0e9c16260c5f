import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";

import { Secret } from "../../secret/secret.ts";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Of an HMAC: 128 bits, so that no two texts meet by chance. */
const MAC_BYTES = 16;

/**
 * What is kept on this machine's disk under a local key: names that tell nothing, and contents that
 * nobody without the key can read, change, or give another name. So a stolen cache is no oracle:
 * neither a value nor a path with a value in it can be guessed at.
 */
export class LocalBox implements Disposable {
  readonly #macKey: Secret;
  readonly #boxKey: Secret;

  /** @param key - 32 random bytes; stays the caller's */
  constructor(key: Secret) {
    this.#macKey = derived(key, "names");
    this.#boxKey = derived(key, "contents");
  }

  /** HMAC of a list; no two lists have the same bytes. @returns 32 hexadecimal digits */
  nameOf(parts: Iterable<string | Buffer>): string {
    return this.#macKey.use((key) => {
      const hmac = createHmac("sha256", key);
      for (const part of parts) {
        const length = Buffer.alloc(4);
        length.writeUInt32BE(Buffer.byteLength(part));
        hmac.update(length).update(part);
      }
      return hmac.digest().subarray(0, MAC_BYTES).toString("hex");
    });
  }

  /** @param name - under which alone it opens again */
  seal(name: string, content: Buffer): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = this.#boxKey.use((key) => createCipheriv(CIPHER, key, nonce));
    cipher.setAAD(Buffer.from(name));
    const sealed = Buffer.concat([cipher.update(content), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
  }

  /** @returns null for anything but what was sealed with this key under this name */
  open(name: string, sealed: Buffer): Buffer | null {
    const head = NONCE_BYTES + TAG_BYTES;
    if (sealed.length < head) return null;
    const nonce = sealed.subarray(0, NONCE_BYTES);
    const options = { authTagLength: TAG_BYTES };
    const cipher = this.#boxKey.use((key) => createDecipheriv(CIPHER, key, nonce, options));
    cipher.setAAD(Buffer.from(name)).setAuthTag(sealed.subarray(NONCE_BYTES, head));
    try {
      return Buffer.concat([cipher.update(sealed.subarray(head)), cipher.final()]);
    } catch {
      return null;
    }
  }

  [Symbol.dispose](): void {
    this.#macKey.wipe();
    this.#boxKey.wipe();
  }
}

function derived(key: Secret, purpose: string): Secret {
  return key.use((bytes) => {
    const made = hkdfSync("sha256", bytes, "", `sealmount/verdicts/${purpose}/v1`, KEY_BYTES);
    return Secret.take(`verdict ${purpose} key`, new Uint8Array(made));
  });
}
