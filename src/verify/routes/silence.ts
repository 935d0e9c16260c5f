/** What to do about an engine that hangs. */
export const SILENT_HINT =
  "see whether docker info answers and the engine's disk is full, start the engine again, or give what docker save wrote";

/** An answer that does not go on. */
export class SilentError extends Error {
  /** How long it was waited for, in milliseconds. */
  readonly ms: number;

  constructor(ms: number) {
    super(`no answer for ${ms} ms`);
    this.ms = ms;
  }
}

/**
 * The same answers, but not after a silence: an engine that hangs would be waited for without an end.
 * Only time that is spent waiting counts.
 *
 * @param ms - longest silence
 * @param firstMs - longest silence before the first answer
 * @throws {@link SilentError}; the call is given up then
 */
export async function* unlessSilent<T>(
  answers: AsyncIterable<T>,
  ms: number,
  firstMs = ms,
): AsyncGenerator<T> {
  const iterator = answers[Symbol.asyncIterator]();
  try {
    for (let patience = firstMs; ; patience = ms) {
      const next = await within(iterator.next(), patience);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // not waited for: it ends when the answer does
    iterator.return?.(undefined).catch(() => undefined);
  }
}

/**
 * Waits for one answer.
 *
 * @throws {@link SilentError}; giving up the call is up to the caller
 */
export async function within<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new SilentError(ms)), ms);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Waits for the answer of a call, which is given up when none comes.
 *
 * @param stopped - gives it up as well
 * @throws {@link SilentError}
 */
export async function callWithin<T>(
  call: (signal: AbortSignal) => Promise<T>,
  ms: number,
  stopped?: AbortSignal,
): Promise<T> {
  const stop = new AbortController();
  const { signal } = stop;
  try {
    const either = stopped === undefined ? signal : AbortSignal.any([signal, stopped]);
    return await within(call(either), ms);
  } catch (error) {
    stop.abort();
    throw error;
  }
}

/** Gives up work in which several take part, when none of them is heard of for a while. */
export class Watch implements Disposable {
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;

  /** @param ms - longest silence */
  constructor(ms: number) {
    this.#timer = setTimeout(() => this.#stop.abort(), ms);
  }

  /** Fires after a silence. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** One of them goes on. */
  heard(): void {
    this.#timer.refresh();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
