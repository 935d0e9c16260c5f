import type { Secret } from "./secret.ts";

/** A group of Secrets with one life: disposing the set wipes them all. Names may repeat. */
export class SecretSet implements Disposable, Iterable<Secret> {
  readonly #secrets: Secret[] = [];

  /** Adds a Secret; from now on the set owns it. Returns it for chaining. */
  add(secret: Secret): Secret {
    this.#secrets.push(secret);
    return secret;
  }

  get size(): number {
    return this.#secrets.length;
  }

  [Symbol.iterator](): Iterator<Secret> {
    return this.#secrets[Symbol.iterator]();
  }

  /** Wipes every Secret and empties the set. Safe to repeat. */
  wipe(): void {
    for (const secret of this.#secrets.splice(0)) secret.wipe();
  }

  [Symbol.dispose](): void {
    this.wipe();
  }
}
