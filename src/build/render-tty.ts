/** Progress as a live view, in docker's form. Pure: events in, the lines of one picture out. */
import type { BuildEvent, StatusEvent, WarningEvent } from "./events.ts";
import { fitJobs, type Job, withLogs } from "./render-jobs.ts";
import { type Color, Epilogue, type Paint, painter, secondsText, sizeText } from "./render-text.ts";
import { cut, cells } from "./render-width.ts";
import { durationOf, isCanceled, Steps, type Step } from "./steps.ts";

/** Where nothing was printed while the build ran, its output is all there is to see: keep more. */
const KEPT_LINES = 1_000;
/** Shorter times show as 0. */
const SHORTEST_MS = 50;
/** A name is not cut shorter than this: such a line is left out. */
const SHORTEST_NAME = 12;
/** A size is shown where this much room is left beside it. */
const ROOM_FOR_SIZE = 20;

/** Room for one picture, and the time it is made for. */
export interface Canvas {
  readonly columns: number;
  readonly rows: number;
  /** Milliseconds since 1970, by our clock. */
  readonly now: number;
  readonly color: boolean;
}

/** Renders one build. */
export class TtyView {
  readonly #steps = new Steps({ lines: KEPT_LINES });
  readonly #events: BuildEvent[] = [];
  /** Our clock minus the engine's, from the first step; includes the way here. */
  #skew: number | null = null;

  push(event: BuildEvent, now: number): void {
    if (event.kind === "warning" || event.kind === "source") this.#events.push(event);
    this.#steps.push(event);
    if (this.#steps.first !== null) this.#skew ??= now - this.#steps.first;
  }

  /** The picture as it should stand now: never more lines than fit, never wider than fits. */
  frame(canvas: Canvas): string[] {
    return this.#picture(canvas, false);
  }

  /** The whole build as it ended, with nothing left out: failed steps, then warnings. */
  end(canvas: Canvas): string {
    const all = this.#picture({ ...canvas, rows: Infinity }, true);
    const epilogue = new Epilogue(painter(canvas.color));
    for (const event of this.#events) epilogue.push(event);
    return `${all.join("\n")}\n${epilogue.text(this.#steps.failed)}`;
  }

  #picture(canvas: Canvas, isEnd: boolean): string[] {
    const now = canvas.now - (this.#skew ?? 0);
    const paint = painter(canvas.color);
    // one row stays free for the cursor, one is the header's
    const room = Math.max(0, canvas.rows - 2);
    const jobs = this.#steps.all.flatMap((step) => jobsOf(step, now));
    const body = isEnd ? jobs : fitJobs(withLogs(jobs, room), room);
    return [
      this.#header(canvas, now, isEnd),
      ...body.flatMap((job) => jobLines(job, canvas.columns, paint)),
    ];
  }

  #header(canvas: Canvas, now: number, isEnd: boolean): string {
    const { all, total, first } = this.#steps;
    const done = all.filter((step) => step.done).length;
    const age = first === null ? 0 : now - first;
    const end = isEnd && done > 0 && done === total ? " FINISHED" : "";
    return cut(`[+] Building ${secondsText(age)} (${done}/${total})${end}`, canvas.columns);
  }
}

function jobsOf(step: Step, now: number): Job[] {
  const ms = durationOf(step, now);
  const title: Job = {
    name: `${markOf(step)}${step.name}`,
    size: "",
    ms,
    isDone: step.done,
    color: colorOf(step),
    step,
  };
  const parts = [...step.parts.values()].map((part) => partJob(part, now));
  return [title, ...parts, ...step.warnings.map((warning) => warningJob(warning, ms))];
}

function partJob(part: StatusEvent, now: number): Job {
  const ms = (part.completed ?? now) - (part.started ?? now);
  const isDone = part.completed !== undefined;
  return { name: `=> ${part.id}`, size: sizeText(part), ms, isDone, color: "blue" };
}

function warningJob(warning: WarningEvent, ms: number): Job {
  return { name: `WARN: ${warning.text}`, size: "", ms, isDone: true, color: "yellow" };
}

function markOf(step: Step): string {
  const cached = step.cached ? "CACHED " : "";
  if (step.error === null) return cached;
  return `${cached}${isCanceled(step.error) ? "CANCELED " : "ERROR "}`;
}

function colorOf(step: Step): Color {
  if (step.error === null) return "blue";
  return isCanceled(step.error) ? "yellow" : "red";
}

/** Name left, time right: the name gives way when the line is too long. */
function jobLines(job: Job, columns: number, paint: Paint): string[] {
  const time = ` ${secondsText(job.ms < SHORTEST_MS ? 0 : job.ms)}`;
  const room = columns - " => ".length - time.length - 2;
  const hasSize = room + job.size.length > ROOM_FOR_SIZE;
  const size = hasSize ? job.size : "";
  const width = room - size.length;
  if (width < SHORTEST_NAME) return [];
  const left = ` => ${cut(job.name, width)}${size}`;
  const gap = " ".repeat(Math.max(0, columns - time.length - 2 - cells(left)));
  const line = `${left}${gap} ${time}`;
  const log = (job.log ?? []).map((text) => paint(cut(` => => # ${text}`, columns - 1), "faint"));
  return [job.isDone ? paint(line, job.color) : line, ...log];
}
