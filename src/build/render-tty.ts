/** Progress as a live view. Pure: events in, the lines of one picture out; drawing is elsewhere. */
import type { BuildEvent, StatusEvent, WarningEvent } from "./events.ts";
import { bytesText, failureText, secondsText, warningText } from "./render-text.ts";
import { durationOf, isCanceled, Steps, type Step } from "./steps.ts";

/** Last lines of output under each running step. */
const LOG_LINES = 4;

/** Room for one picture, and the time it is made for. */
export interface Canvas {
  readonly columns: number;
  readonly rows: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly color: boolean;
}

/** Renders one build. */
export class TtyView {
  readonly #steps = new Steps();
  readonly #warnings: WarningEvent[] = [];
  #first: number | null = null;

  push(event: BuildEvent): void {
    if (event.kind === "warning") this.#warnings.push(event);
    const step = this.#steps.push(event);
    if (step !== null) this.#first ??= step.started;
  }

  /** The picture as it should stand now: never more lines than fit, never wider than fits. */
  frame(canvas: Canvas): string[] {
    const steps = this.#steps.all;
    const done = steps.filter((step) => step.done).length;
    const age = this.#first === null ? 0 : canvas.now - this.#first;
    const header = `[+] Building ${secondsText(age)} (${done}/${steps.length})`;
    // one row stays free for the cursor
    const room = Math.max(0, canvas.rows - 2);
    const body = fit(steps, room).flatMap((step) => stepLines(step, canvas));
    return [header.slice(0, canvas.columns), ...body.slice(0, room)];
  }

  /** The whole build as it ended, with nothing left out: failed steps, then warnings. */
  end(canvas: Canvas): string {
    const all = this.frame({ ...canvas, rows: Infinity });
    const failed = this.#steps.failed.map(failureText).join("");
    return `${all.join("\n")}\n${failed}${this.#warnings.map(warningText).join("")}`;
  }
}

/** Where not all steps fit, finished ones go first, oldest first. */
function fit(steps: readonly Step[], room: number): readonly Step[] {
  let surplus = steps.length - room;
  return steps.filter((step) => {
    if (surplus <= 0 || !step.done) return true;
    surplus -= 1;
    return false;
  });
}

function stepLines(step: Step, canvas: Canvas): string[] {
  const time = secondsText(durationOf(step, canvas.now));
  const mark = step.cached ? "CACHED " : "";
  // name left, time right: the name gives way when the line is too long
  const width = Math.max(10, canvas.columns - time.length - 5);
  const name = `${mark}${step.name}`.slice(0, width).padEnd(width);
  const title = paint(` => ${name} ${time}`.slice(0, canvas.columns), step, canvas.color);
  const cut = (line: string): string => line.slice(0, canvas.columns);
  if (step.done) return [title];
  const parts = [...step.parts.values()].filter((part) => part.completed === undefined);
  const log = step.lines.slice(-LOG_LINES).map((line) => ` => => # ${line}`);
  return [title, ...[...parts.map(partLine), ...log].map(cut)];
}

function partLine(part: StatusEvent): string {
  const size = part.total > 0 ? ` ${bytesText(part.current)} / ${bytesText(part.total)}` : "";
  return ` => => ${part.id}${size}`;
}

function paint(line: string, step: Step, color: boolean): string {
  if (!color || !step.done) return line;
  if (step.error === null) return `\u001b[34m${line}\u001b[0m`;
  return `\u001b[${isCanceled(step.error) ? "33" : "31"}m${line}\u001b[0m`;
}
