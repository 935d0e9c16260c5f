/** Looks at how a call fails. */
import { SealmountError } from "../../src/errors.ts";

/** The error that a call fails with, after a look that it quotes none of the given texts. */
export async function failureOf(
  call: Promise<unknown>,
  ...unspeakable: string[]
): Promise<SealmountError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SealmountError)) throw new Error(`it worked or crashed: ${String(error)}`);
  const said = [error.message, error.hint, error.stack, JSON.stringify(error)].join("\n");
  for (const text of unspeakable) {
    if (said.includes(text)) throw new Error("the error quotes what it must not");
  }
  return error;
}
