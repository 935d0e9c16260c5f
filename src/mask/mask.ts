import { Transform } from "node:stream";
import type { Secret } from "../secret/secret.ts";
import { MaskedText } from "./masked-text.ts";
import { Matcher } from "./matcher.ts";

/**
 * How long a stream holds back text that could begin a secret, in milliseconds: a prompt without
 * a newline must show, and a program that pauses longer inside of one value is rare.
 */
const IDLE_FLUSH = 100;

/**
 * Replaces every known secret in text by `***`, in all the forms that `verify` finds: docs/verify.md
 * lists them. Of forms that are broken into lines it hides base64 of the value alone in lines of 64,
 * 70 and 76 characters, and single lines of multi-line secrets; a stream has no more in one piece.
 *
 * Which values are masked: raw values of at least 4 bytes and encodings of at least 5, but never
 * the common words of `needles/common.ts` (`true`, `password`, `3000`), which would hide ordinary
 * output and protect nothing. Shorter values are not masked. Of base64 in which other bytes stand
 * before the value, the first character, which holds 2 or 4 bits of it, stays; of base64 of base64
 * and base32 up to two characters at each end.
 */
export class Mask implements Disposable {
  readonly #matcher: Matcher;

  /** @param secrets - stay with the caller; the mask makes needles of its own */
  constructor(secrets: Iterable<Secret>) {
    this.#matcher = new Matcher(secrets);
  }

  /** Masks a whole text. */
  text(text: string): string {
    const bytes = Buffer.from(text);
    if (this.#matcher.ranges(bytes).length === 0) return text;
    return new MaskedText(this.#matcher).end(bytes).toString();
  }

  /**
   * A stream of bytes that masks across chunk borders. Text that could begin a secret waits for
   * the next chunk, the end, or 100 ms of silence; everything else passes at once.
   */
  stream(): Transform {
    return maskStream(new MaskedText(this.#matcher));
  }

  /** Wipes the needles; from now on `text` and its streams throw instead of passing text. */
  [Symbol.dispose](): void {
    this.#matcher.wipe();
  }
}

function maskStream(masked: MaskedText): Transform {
  let timer: NodeJS.Timeout | undefined;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      clearTimeout(timer);
      attempt(done, () => masked.push(chunk));
      if (!masked.isHolding) return;
      // the callback may have run the next chunk already, with a timer of its own
      clearTimeout(timer);
      timer = setTimeout(() => {
        attempt(
          (error, bytes) => (error ? this.destroy(error) : this.push(bytes)),
          () => masked.flush(),
        );
      }, IDLE_FLUSH);
    },
    flush(done) {
      clearTimeout(timer);
      attempt(done, () => masked.end());
    },
    destroy(error, done) {
      clearTimeout(timer);
      done(error);
    },
  });
}

/** Gives the result or the error to a stream callback, which does not catch. */
function attempt(done: (error: Error | null, bytes?: Buffer) => void, work: () => Buffer): void {
  let bytes: Buffer;
  try {
    bytes = work();
  } catch (error) {
    done(error instanceof Error ? error : new Error("masking failed"));
    return;
  }
  done(null, bytes);
}
