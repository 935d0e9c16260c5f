/** The caller's mask, and after it one for the secrets of `--secret`, which the caller never sees. */
import { Mask } from "../mask/mask.ts";
import type { JoinedSecrets } from "./secret-flags.ts";

/** Masks text with both. */
export class FlagMask implements Disposable {
  readonly #caller: (text: string) => string;
  readonly #secrets: JoinedSecrets;
  #known = 0;
  #mask: Mask | undefined;

  constructor(secrets: JoinedSecrets, caller: ((text: string) => string) | undefined) {
    this.#secrets = secrets;
    this.#caller = caller ?? ((text) => text);
  }

  readonly text = (text: string): string => {
    const { ofFlags } = this.#secrets;
    // needles are made when a step has asked for the secret, not for every line
    if (ofFlags.length !== this.#known) {
      this.#mask?.[Symbol.dispose]();
      this.#mask = new Mask(ofFlags);
      this.#known = ofFlags.length;
    }
    const masked = this.#caller(text);
    return this.#mask?.text(masked) ?? masked;
  };

  [Symbol.dispose](): void {
    this.#mask?.[Symbol.dispose]();
    this.#mask = undefined;
  }
}
