/**
 * Progress as lines, for pipes and logs, in docker's form. Pure: events and times in, text out.
 *
 * One step at a time has the floor, so that its lines stand together; {@link nextTurn} says who is
 * next. A step that loses the floor before it is done shows `...`, and its name again later.
 */
import type { BuildEvent, LogEvent, StatusEvent } from "./events.ts";
import { Epilogue, lineText, type Paint, painter, secondsText, sizeText } from "./render-text.ts";
import { type Claim, nextTurn } from "./render-turns.ts";
import { durationOf, isCanceled, sinceStart, Steps, type Step } from "./steps.ts";

/** A part is shown again when it has moved by this share of its size, or after this time. */
const PART_SHARE = 0.05;
const PART_MS = 5_000;
/** Shorter times of a part are left out. */
const SHORTEST_MS = 10;

/** A step, and what of it is not printed yet. */
interface Row extends Claim {
  readonly step: Step;
  /** In order of first print, from 1; 0 before it. */
  number: number;
  readonly parts: Set<string>;
  readonly lines: string[];
  warned: number;
  /** What was last seen of it: the engine repeats itself. */
  seen: string;
}

/** Renders one build. */
export class PlainView {
  readonly #steps = new Steps();
  readonly #rows = new Map<Step, Row>();
  readonly #changed = new Set<Row>();
  readonly #partsShown = new Map<string, StatusEvent>();
  readonly #epilogue: Epilogue;
  #current: Row | null = null;
  #numbers = 0;
  #isFirst = true;

  constructor(paint: Paint = painter(false)) {
    this.#epilogue = new Epilogue(paint);
  }

  /** Takes an event; {@link print} prints it. */
  push(event: BuildEvent, now: number): void {
    this.#epilogue.push(event);
    const step = this.#steps.push(event);
    if (step === null) return;
    const row = this.#rows.get(step) ?? newRow(step);
    this.#rows.set(step, row);
    if (event.kind === "step" && !isNews(row)) return;
    if (event.kind === "status") row.parts.add(event.id);
    if (event.kind === "log") row.lines.push(...logLines(step, event));
    if (row.updates === 0) row.since = now;
    row.updates += 1;
    // a warning alone does not take the floor: it is shown with the step's next news
    if (event.kind !== "warning") this.#changed.add(row);
  }

  /** @returns what is to be printed now: whole lines, or "" */
  print(now: number): string {
    const before = this.#current;
    const done = [...this.#changed].filter(({ step }) => step.done);
    const running = [...this.#changed].filter(({ step }) => !step.done);
    const text = inOrderOfEnd(done, before).map((row) => this.#print(row));
    if (running.length === 0) {
      const isHeld = before !== null && !before.step.done;
      return text.join("") + (isHeld ? "" : this.#printIdle());
    }
    if (before !== null && running.includes(before)) text.push(this.#print(before));
    const isFree = before === null || done.includes(before);
    const next = nextTurn(running, isFree ? null : before, now);
    return text.join("") + (next === null ? "" : this.#print(next));
  }

  /** @returns what is left, and then: failed steps, warnings, the place in the Dockerfile */
  end(now: number): string {
    const rest: string[] = [this.print(now)];
    // what did not get the floor yet is not lost
    for (const row of this.#changed) rest.push(this.#print(row));
    return rest.join("") + this.#epilogue.text(this.#steps.failed);
  }

  /** Nobody has news: the first step that still runs shows its name. */
  #printIdle(): string {
    const idle = this.#steps.all.find((step) => !step.done);
    const row = idle && this.#rows.get(idle);
    return row === undefined ? "" : this.#print(row);
  }

  #print(row: Row): string {
    this.#changed.delete(row);
    if (row.number === 0) row.number = this.#numbers += 1;
    const header = this.#header(row);
    const { parts, isOpen } = this.#parts(row);
    const warnings = row.step.warnings.slice(row.warned).map(({ text }) => `WARN: ${text}`);
    row.warned += warnings.length;
    const isOver = row.step.done && !isOpen;
    const body = [...parts, ...warnings, ...row.lines.splice(0)];
    if (isOver) body.push(outcomeText(row.step));
    if (isOver) row.updates = 0;
    this.#current = isOver ? null : row;
    return header + body.map((line) => `#${row.number} ${line}\n`).join("");
  }

  #header(row: Row): string {
    const { number, step } = row;
    if (row === this.#current) return "";
    let left = "";
    if (this.#current !== null) {
      left = `#${this.#current.number} ...\n`;
      this.#current.updates = 0;
    }
    const gap = this.#isFirst ? "" : "\n";
    this.#isFirst = false;
    return `${left}${gap}#${number} ${step.name}\n`;
  }

  #parts({ parts: ids, step }: Row): { readonly parts: string[]; readonly isOpen: boolean } {
    const parts = [...step.parts.values()].filter(({ id }) => ids.has(id));
    ids.clear();
    const shown = parts.filter((part) => isWorthALine(part, this.#partsShown.get(part.id)));
    for (const part of shown) this.#partsShown.set(part.id, part);
    return {
      parts: shown.map(partText),
      isOpen: shown.some(({ completed }) => completed === undefined),
    };
  }
}

function newRow(step: Step): Row {
  return {
    step,
    number: 0,
    parts: new Set(),
    lines: [],
    warned: 0,
    seen: "",
    updates: 0,
    since: 0,
  };
}

function isNews(row: Row): boolean {
  const { name, cached, error, runs } = row.step;
  const seen = JSON.stringify([name, cached, error, ...runs]);
  if (seen === row.seen) return false;
  row.seen = seen;
  return true;
}

function logLines(step: Step, { lines, at }: LogEvent): string[] {
  const since = sinceStart(step, at);
  return lines.map((text) => lineText({ text, since }));
}

/** Who has the floor ends first, the others in the order in which they ended. */
function inOrderOfEnd(rows: readonly Row[], holder: Row | null): Row[] {
  const rank = (row: Row): number => (row === holder ? -Infinity : (row.step.ended ?? Infinity));
  return rows.toSorted((a, b) => rank(a) - rank(b));
}

function outcomeText(step: Step): string {
  if (step.error !== null) return isCanceled(step.error) ? "CANCELED" : `ERROR: ${step.error}`;
  // a step that is done has no open run: the time until now does not count
  return step.cached ? "CACHED" : `DONE ${secondsText(durationOf(step, 0))}`;
}

function isWorthALine(part: StatusEvent, last: StatusEvent | undefined): boolean {
  if (last === undefined || part.completed !== undefined) return true;
  const share = part.total > 0 ? (part.current - last.current) / part.total : 0;
  return share >= PART_SHARE || (part.at ?? 0) - (last.at ?? 0) >= PART_MS;
}

function partText(part: StatusEvent): string {
  const ms = (part.completed ?? part.at ?? 0) - (part.started ?? Infinity);
  const time = ms > SHORTEST_MS ? ` ${secondsText(ms)}` : "";
  return `${part.id}${sizeText(part)}${time}${part.completed === undefined ? "" : " done"}`;
}
