/** The state of a build as its events tell it: what all views and the error report read. */
import type { BuildEvent, LogEvent, StatusEvent, StepEvent, WarningEvent } from "./events.ts";

/** How many last lines of a failed step are kept, as docker does. */
const LAST_LINES = 10;

/** A line of output, and how long its step had been running, in milliseconds. */
export interface LoggedLine {
  readonly text: string;
  readonly since: number;
}

/** One step that was started, or a group of steps that are shown as one. */
export class Step {
  readonly id: string;
  name: string;
  cached = false;
  error: string | null = null;
  /** Last lines of output, as many as its {@link Steps} keep. */
  readonly log: LoggedLine[] = [];
  /** Parts that have started, in that order. */
  readonly parts = new Map<string, StatusEvent>();
  readonly warnings: WarningEvent[] = [];
  /** Runs by their start: a step may be sent many times, completed, and started again. */
  readonly runs = new Map<number, number | null>();
  /** Steps of a group by digest; empty for a single step. */
  readonly members = new Map<string, StepEvent>();

  constructor(id: string, name: string) {
    this.id = id;
    this.name = name;
  }

  /** Last lines of output, without times. */
  get lines(): readonly string[] {
    return this.log.map((line) => line.text);
  }

  /** True when its last run has ended. */
  get done(): boolean {
    const last = mergedRuns(this).at(-1);
    return last !== undefined && last.end !== null;
  }

  /** Start of the last run, ms since 1970; undefined before the first one. */
  get started(): number | undefined {
    return mergedRuns(this).at(-1)?.start;
  }

  /** End of the last run; undefined while it lasts. */
  get ended(): number | undefined {
    return mergedRuns(this).at(-1)?.end ?? undefined;
  }

  /** A group of weak members alone is not worth a line: its result was there already. */
  get isShown(): boolean {
    if (this.runs.size === 0) return false;
    if (this.members.size === 0) return true;
    return [...this.members.values()].some(
      ({ started, error, group }) =>
        error !== undefined || (started !== undefined && group?.weak !== true),
    );
  }
}

/** All steps, in order of first appearance. Mutated by {@link Steps.push} only. */
export class Steps {
  readonly #kept: number;
  /** By digest; the members of a group share one step. */
  readonly #known = new Map<string, Step>();
  readonly #shown = new Set<Step>();
  #first: number | null = null;

  /** @param o.lines - how many last lines to keep of each step */
  constructor(o: { readonly lines?: number } = {}) {
    this.#kept = o.lines ?? LAST_LINES;
  }

  /** Takes an event; returns its step, or null when it belongs to none that is shown. */
  push(event: BuildEvent): Step | null {
    const step = this.#stepOf(event);
    if (step === undefined) return null;
    if (event.kind === "status") addPart(step, event);
    if (event.kind === "warning") step.warnings.push(event);
    if (event.kind === "log") this.#log(step, event);
    if (step.isShown) this.#shown.add(step);
    return this.#shown.has(step) ? step : null;
  }

  #stepOf(event: BuildEvent): Step | undefined {
    if (event.kind === "source" || event.kind === "opened") return undefined;
    return event.kind === "step" ? this.#step(event) : this.#known.get(event.step ?? "");
  }

  /** Those that have started. */
  get all(): readonly Step[] {
    return [...this.#shown];
  }

  /** Steps that are known, also those that wait for others. */
  get total(): number {
    const waiting = new Set(this.#known.values());
    return [...waiting].filter((step) => step.members.size === 0 || step.isShown).length;
  }

  /** Steps that failed by themselves, not because another one did. */
  get failed(): readonly Step[] {
    return this.all.filter((step) => step.error !== null && !isCanceled(step.error));
  }

  /** Start of the first step, ms since 1970 by the engine's clock; null before it. */
  get first(): number | null {
    return this.#first;
  }

  #step(event: StepEvent): Step | undefined {
    // completed without ever started: internal, not shown
    if (event.started === undefined && event.completed !== undefined)
      return this.#known.get(event.step);
    if (event.started !== undefined) this.#first ??= event.started;
    const step = this.#find(event);
    this.#known.set(event.step, step);
    if (event.group === undefined) updateSingle(step, event);
    else updateGroup(step, event);
    return step;
  }

  #find({ step, name, group }: StepEvent): Step {
    if (group === undefined) return this.#known.get(step) ?? new Step(step, name);
    const known = [...this.#known.values()].find(
      ({ id, members }) => id === group.id && members.size > 0,
    );
    return known ?? new Step(group.id, group.name);
  }

  #log(step: Step, event: LogEvent): void {
    const since = sinceStart(step, event.at);
    step.log.push(...event.lines.map((text) => ({ text, since })));
    step.log.splice(0, step.log.length - this.#kept);
  }
}

/** Milliseconds that a step ran so far: its runs merged, an unfinished one up to `now`. */
export function durationOf(step: Step, now: number): number {
  return mergedRuns(step).reduce(
    (sum, { start, end }) => sum + Math.max(0, (end ?? now) - start),
    0,
  );
}

/** Milliseconds from the start of a step's last run; 0 for output that came before it. */
export function sinceStart(step: Step, at: number): number {
  return step.started === undefined ? 0 : Math.max(0, at - step.started);
}

/** True for the error of a step that was stopped because the build was. */
export function isCanceled(error: string): boolean {
  return error.endsWith("context canceled");
}

interface MergedRun {
  readonly start: number;
  /** Null while it lasts. */
  end: number | null;
}

/** Runs that overlap count once; one that has not ended contains all after it. */
function mergedRuns(step: Step): MergedRun[] {
  const merged: MergedRun[] = [];
  for (const [start, end] of [...step.runs].toSorted(([a], [b]) => a - b)) {
    const last = merged.at(-1);
    if (last === undefined || (last.end !== null && last.end < start)) merged.push({ start, end });
    else if (last.end !== null) last.end = end === null ? null : Math.max(last.end, end);
  }
  return merged;
}

function updateSingle(step: Step, event: StepEvent): void {
  const { started, completed } = event;
  // a repeated announcement tells nothing about a step that has started
  if (started === undefined && step.runs.size > 0) return;
  step.name = event.name;
  step.cached = event.cached;
  step.error = event.error ?? null;
  if (started !== undefined) step.runs.set(started, completed ?? null);
}

/** A group is cached when all of it is, and failed when any of it has. */
function updateGroup(step: Step, event: StepEvent): void {
  step.members.set(event.step, event);
  const members = [...step.members.values()];
  step.cached = members.every((member) => member.cached);
  step.error = members.find(({ error }) => error !== undefined)?.error ?? null;
  if (event.started !== undefined) step.runs.set(event.started, event.completed ?? null);
}

/** Parts without a start are announcements: docker does not show them either. */
function addPart(step: Step, event: StatusEvent): void {
  if (event.started !== undefined || step.parts.has(event.id)) step.parts.set(event.id, event);
}
