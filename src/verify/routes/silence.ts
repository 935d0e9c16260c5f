/** An answer that does not go on. */
export class SilentError extends Error {}

/**
 * The same answers, but not after a silence: an engine that hangs would be waited for without an end.
 * Only time that is spent waiting counts.
 *
 * @throws {@link SilentError}; the call is given up then
 */
export async function* unlessSilent<T>(answers: AsyncGenerator<T>, ms: number): AsyncGenerator<T> {
  try {
    for (;;) {
      const next = await within(answers.next(), ms);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // not waited for: it ends when the answer does
    answers.return(undefined).catch(() => undefined);
  }
}

async function within<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new SilentError()), ms);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}
