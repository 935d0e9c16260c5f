/** Pieces of text that all progress views print. Pure. */
import type { BuildEvent, SourceEvent, StatusEvent, WarningEvent } from "./events.ts";
import { excerptLines } from "./excerpt.ts";
import type { LoggedLine, Step } from "./steps.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Check of BuildKit that is about what this tool is for. */
const SECRET_CHECK = "SecretsUsedInArgOrEnv";
const SECRET_ADVICE =
  "it stays readable in the image and its history: use RUN --mount=type=secret and [build_secrets]";

/** `1.5s`, from milliseconds. */
export function secondsText(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)}s`;
}

/** `12.34MB`, in powers of 1000 as docker does. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < UNITS.length - 1; unit += 1) value /= 1000;
  return `${unit === 0 ? String(value) : value.toFixed(2)}${UNITS[unit] ?? ""}`;
}

/** ` 1.00kB / 2.00kB`, ` 1.00kB` without a total, "" before the first byte. */
export function sizeText({ current, total }: StatusEvent): string {
  if (total !== 0) return ` ${bytesText(current)} / ${bytesText(total)}`;
  return current === 0 ? "" : ` ${bytesText(current)}`;
}

/** `1.042 text`: the longer a step runs, the less its milliseconds matter. */
export function lineText({ text, since }: LoggedLine): string {
  const seconds = since / 1000;
  const digits = seconds < 10 ? 3 : seconds < 100 ? 2 : 1;
  return `${seconds.toFixed(digits)} ${text}`;
}

/** A failed step with its last lines, between rules. */
function failureText(step: Step): string {
  const lines = [`------`, ` > ${step.name}:`, ...step.log.map(lineText), `------`];
  return `${lines.join("\n")}\n`;
}

/** Colors text; the identity where there is no color. */
export type Paint = (text: string, color: Color) => string;

/** As docker: finished, canceled or a warning, failed; and the output of a step. */
export type Color = "blue" | "yellow" | "red" | "faint";

const CODES: Readonly<Record<Color, number>> = { blue: 34, yellow: 33, red: 31, faint: 2 };

/** @returns a {@link Paint} with ANSI colors, or one that changes nothing */
export function painter(isColored: boolean): Paint {
  if (!isColored) return (text) => text;
  return (text, color) => `\u001b[${CODES[color]}m${text}\u001b[0m`;
}

/** What is shown when the build has ended: steps are known to {@link Steps}, this is the rest. */
export class Epilogue {
  readonly #warnings: WarningEvent[] = [];
  readonly #sources: SourceEvent[] = [];
  readonly #paint: Paint;

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  push(event: BuildEvent): void {
    if (event.kind === "warning") this.#warnings.push(event);
    if (event.kind === "source") this.#sources.push(event);
  }

  /** Failed steps, then warnings, then where in the Dockerfile it happened; "" when all is well. */
  text(failed: readonly Step[]): string {
    const excerpts = this.#sources.flatMap(({ source }) => excerptLines(source));
    return (
      failed.map(failureText).join("") +
      warningsText(this.#warnings, this.#paint) +
      excerpts.map((line) => `${line}\n`).join("")
    );
  }
}

/** All warnings: those about secrets first, with what to do; the others in a line each. */
function warningsText(warnings: readonly WarningEvent[], paint: Paint): string {
  if (warnings.length === 0) return "";
  const count = warnings.length === 1 ? "1 warning" : `${warnings.length} warnings`;
  const lines = unsafeFirst(warnings).flatMap((warning) => warningLines(warning, paint));
  return `\n ${paint(`${count} found:`, "yellow")}\n${lines.map((line) => `${line}\n`).join("")}`;
}

/** True for the warning that a secret stands in the Dockerfile or becomes part of the image. */
function isSecretWarning({ text }: WarningEvent): boolean {
  return text.startsWith(SECRET_CHECK);
}

function unsafeFirst(warnings: readonly WarningEvent[]): WarningEvent[] {
  return [
    ...warnings.filter((warning) => isSecretWarning(warning)),
    ...warnings.filter((warning) => !isSecretWarning(warning)),
  ];
}

function warningLines(warning: WarningEvent, paint: Paint): string[] {
  const { text, line, source, url } = warning;
  // BuildKit's checks of today say it themselves, older ones do not
  const isPlaced = line === undefined || text.endsWith(`(line ${line})`);
  const title = isPlaced ? text : `${text} (line ${line})`;
  if (!isSecretWarning(warning)) return [` - ${title}`];
  return [
    ` - ${paint(title, "red")}`,
    `   ${SECRET_ADVICE}`,
    ...(url === undefined ? [] : [`   ${url}`]),
    ...(source === undefined ? [] : excerptLines(source).map((more) => `   ${more}`)),
  ];
}
