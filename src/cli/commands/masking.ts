import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { Mask, type Secret } from "../../index.ts";
import type { HostOutput } from "../host.ts";
import type { Context } from "../spec.ts";

/** Puts a mask of the secrets among some values over everything that is still written. */
export function protect(
  { out }: Context,
  values: readonly { readonly value: Secret; readonly sensitive?: boolean }[],
): Mask {
  const mask = new Mask(
    values.filter(({ sensitive }) => sensitive !== false).map(({ value }) => value),
  );
  out.protect(mask);
  return mask;
}

/** A stream in front of one of ours. */
export interface Masked {
  readonly stream: Writable;
  finish(this: void): Promise<void>;
}

/**
 * A mask in front of a stream of ours; ending the mask leaves the stream open. When the stream's reader
 * goes away, the mask closes, so that whoever writes to it learns of it.
 */
export function maskedStream(target: HostOutput, mask: Mask | null): Masked {
  if (mask === null) return { stream: target, finish: async () => undefined };
  const stream = mask.stream();
  const close = (): void => void stream.destroy();
  target.once("error", close).once("close", close);
  stream.pipe(target, { end: false });
  return {
    stream,
    async finish() {
      if (!stream.destroyed) {
        stream.end();
        // an end without a reader is no failure: main.ts answers for it
        await finished(stream, { readable: true }).catch(() => undefined);
      }
      target.off("error", close).off("close", close);
    },
  };
}
