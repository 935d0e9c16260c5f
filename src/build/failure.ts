/** The error of a build that failed. */
import { BuildError, type Place } from "../errors.ts";
import type { Step } from "./steps.ts";

/** A step, or the Dockerfile itself, failed. Texts are masked and harmless. */
export class BuildFailedError extends BuildError {
  /** The failed step as BuildKit names it; null when no step failed. */
  readonly step: string | null;
  /** Its last lines of output, at most 10. */
  readonly lines: readonly string[];

  constructor(o: { readonly message: string; readonly step?: Step | undefined }) {
    super("BUILD_FAILED", o.message);
    this.step = o.step?.name ?? null;
    this.lines = [...(o.step?.lines ?? [])];
  }
}

/** A step's name is its whole command; the start of it tells which one it is. */
const NAME_LENGTH = 100;

/**
 * Makes the error from the engine's text.
 *
 * @param o.error - the engine's words, masked
 * @param o.dockerfile - as shown to the user
 */
export function failure(o: {
  readonly error: string;
  readonly dockerfile: string;
  readonly step: Step | undefined;
}): BuildError {
  const text = o.error.replace(/^failed to solve(?: with frontend \S+)?: /, "");
  const line = /dockerfile parse error (?:on )?line (\d+)/i.exec(text)?.[1];
  if (line !== undefined) {
    const place: Place = { file: o.dockerfile, line: Number(line) };
    return new BuildError(
      "BUILD_DOCKERFILE",
      text.replace(/^.*parse error (?:on )?line \d+: /i, ""),
      {
        place,
      },
    );
  }
  const where = o.step === undefined ? "" : ` at ${shorten(o.step.name)}`;
  const reason = exitCodeIn(text) ?? text;
  return new BuildFailedError({ message: `the build failed${where}: ${reason}`, step: o.step });
}

/** The engine repeats the command around the exit code. Both wordings: 23 and newer, 20.10. */
function exitCodeIn(text: string): string | null {
  const code = /^(?:process|executor failed running) .*: (exit code: \d+)$/s.exec(text)?.[1];
  return code?.replace(":", "") ?? null;
}

function shorten(name: string): string {
  return name.length <= NAME_LENGTH ? name : `${name.slice(0, NAME_LENGTH)}…`;
}
