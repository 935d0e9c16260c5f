/** The caller's mask, and after it one for the secrets that the caller never sees: of flags, of logins. */
import { Mask } from "../mask/mask.ts";
import type { Secret } from "../secret/secret.ts";

/** Masks text with both. */
export class FlagMask implements Disposable {
  readonly #caller: (text: string) => string;
  readonly #secrets: () => readonly Secret[];
  #known = 0;
  #mask: Mask | undefined;

  /** @param secrets - those that were opened so far; a list that only grows */
  constructor(secrets: () => readonly Secret[], caller: ((text: string) => string) | undefined) {
    this.#secrets = secrets;
    this.#caller = caller ?? ((text) => text);
  }

  readonly text = (text: string): string => {
    const secrets = this.#secrets();
    // needles are made when a step has asked for the secret, not for every line
    if (secrets.length !== this.#known) {
      this.#mask?.[Symbol.dispose]();
      this.#mask = new Mask(secrets);
      this.#known = secrets.length;
    }
    const masked = this.#caller(text);
    return this.#mask?.text(masked) ?? masked;
  };

  [Symbol.dispose](): void {
    this.#mask?.[Symbol.dispose]();
    this.#mask = undefined;
  }
}
