/** What an engine or a registry says after it was sent a login. */
import { escapeControl } from "../docker/errors.ts";
import type { RegistryLogin } from "../docker/registry-config.ts";
import { Secret } from "../secret/secret.ts";
import { Mask } from "./mask.ts";

/** Longest text that is passed on, in characters. */
const LONGEST_TEXT = 2_000;

/** Makes foreign text harmless: a registry may echo what it got. Disposing it wipes the login. */
export class LoginWords implements Disposable {
  readonly #secrets: readonly Secret[];
  #mask: Mask | undefined;

  /** @param header - the value of `X-Registry-Auth` that carries the login */
  constructor(login: RegistryLogin | null, header: string) {
    const sent = login === null ? [] : [login.secret, Secret.take("header", Buffer.from(header))];
    this.#secrets = sent;
  }

  /** The text masked, cut and free of control characters. */
  text(words: string): string {
    this.#mask ??= new Mask(this.#secrets);
    return escapeControl(this.#mask.text(words).slice(0, LONGEST_TEXT));
  }

  [Symbol.dispose](): void {
    this.#mask?.[Symbol.dispose]();
    for (const secret of this.#secrets) secret.wipe();
  }
}
