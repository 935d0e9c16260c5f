import type { ManifestIssue, Place } from "../index.ts";

/**
 * The one funnel from a failure to what stderr shows: two lines a problem, or one JSON object.
 * Pure: facts in, text out. Foreign text inside a message is escaped here once more, so that no
 * control character of a daemon or a file reaches the terminal.
 */

/** A failure as data: a SealmountError, a wrong call, or a bug of ours. */
export interface Failure {
  readonly code: string;
  readonly exitCode: number;
  readonly message: string;
  readonly place?: Place | undefined;
  readonly hint?: string | undefined;
  /** Every problem of a manifest, in file order. */
  readonly issues?: readonly ManifestIssue[];
  /** Stack of a bug, for `--debug`. */
  readonly stack?: string;
}

const BUG_HINT = "run it again with --debug and report that output in sealmount's issue tracker";

/** What an exception that is none of ours becomes: its text may quote a file, so only debug shows it. */
export function bugOf(error: unknown, debug: boolean): Failure {
  const kind = error instanceof Error ? error.name : typeof error;
  const failure = { code: "BUG", exitCode: 1, message: `a bug of sealmount: unexpected ${kind}` };
  if (!debug) return { ...failure, hint: BUG_HINT };
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { ...failure, hint: "report this output in sealmount's issue tracker", stack };
}

/**
 * The lines for stderr, with a newline at the end.
 *
 * @param bold - how to mark the word "error" on a terminal; the identity without color
 */
export function renderText(failure: Failure, bold: (text: string) => string): string {
  const problems = failure.issues ?? [failure];
  const lines = problems.flatMap(({ code, message, place, hint }) => [
    `sealmount: ${bold("error:")} ${positionOf(place)}${escapeControls(message)} [${code}]`,
    ...(hint === undefined ? [] : [`sealmount: hint: ${escapeControls(hint)}`]),
  ]);
  const stack = failure.stack?.split("\n").map((line) => `  ${escapeControls(line)}`) ?? [];
  return `${[...lines, ...stack].join("\n")}\n`;
}

/** `{"error": {…}}` on one line; `issues` lists the rest when a manifest has several problems. */
export function renderJson(failure: Failure): string {
  const issues = (failure.issues?.length ?? 0) > 1 ? failure.issues?.map(plain) : undefined;
  const stack = failure.stack?.split("\n").map(escapeControls);
  return `${JSON.stringify({ error: { ...plain(failure), issues, stack } })}\n`;
}

/** `iterapp.toml:14:1: `, or nothing; the key alone when there is no file. */
function positionOf(place: Place | undefined): string {
  if (place?.file === undefined) return "";
  const numbers = [place.line, place.column].filter((part) => part !== undefined);
  return `${[escapeControls(place.file), ...numbers].join(":")}: `;
}

function plain({ code, message, place, hint }: Omit<Failure, "exitCode">): object {
  const { file, line, column, key } = place ?? {};
  return { code, message: escapeControls(message), file, line, column, key, hint };
}

/** Control characters as `\u001b`, direction marks too: text of a file or daemon stays text. */
export function escapeControls(text: string): string {
  return text.replace(STEERING, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

const STEERING =
  // eslint-disable-next-line no-control-regex -- matching control characters is the purpose
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
