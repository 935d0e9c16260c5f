/** The state of a build as its events tell it: what both views and the error report read. */
import type { BuildEvent, LogEvent, StatusEvent, StepEvent } from "./events.ts";

/** How many last lines of a failed step are shown, as docker does. */
const LAST_LINES = 10;

/** One step that was started. */
export interface Step {
  /** In order of first appearance, from 1. */
  readonly number: number;
  readonly id: string;
  name: string;
  cached: boolean;
  error: string | null;
  done: boolean;
  /** Start of the first run, ms since 1970. */
  readonly started: number;
  /** Last lines of output, at most {@link LAST_LINES}. */
  readonly lines: string[];
  readonly parts: Map<string, StatusEvent>;
  /** Runs by their start: a step may be sent many times, completed, and started again. */
  readonly runs: Map<number, number | null>;
}

/** All steps, in order of first appearance. Mutated by {@link Steps.push} only. */
export class Steps {
  readonly #steps = new Map<string, Step>();

  /** Takes an event; returns its step, or null when it belongs to none that is shown. */
  push(event: BuildEvent): Step | null {
    if (event.kind === "warning") return null;
    if (event.kind === "step") return this.#step(event);
    return event.kind === "status" ? this.#part(event) : this.#log(event);
  }

  get all(): readonly Step[] {
    return [...this.#steps.values()];
  }

  /** Steps that failed by themselves, not because another one did. */
  get failed(): readonly Step[] {
    return this.all.filter((step) => step.error !== null && !isCanceled(step.error));
  }

  #step(event: StepEvent): Step | null {
    // completed without ever started: internal, not shown
    if (event.started === undefined) return this.#steps.get(event.step) ?? null;
    const step = this.#steps.get(event.step) ?? this.#newStep(event, event.started);
    step.name = event.name;
    step.cached = event.cached;
    step.error = event.error ?? null;
    step.runs.set(event.started, event.completed ?? null);
    step.done = event.completed !== undefined;
    return step;
  }

  #newStep(event: StepEvent, started: number): Step {
    const step: Step = {
      number: this.#steps.size + 1,
      id: event.step,
      name: event.name,
      cached: false,
      error: null,
      done: false,
      started,
      lines: [],
      parts: new Map(),
      runs: new Map(),
    };
    this.#steps.set(event.step, step);
    return step;
  }

  #part(event: StatusEvent): Step | null {
    const step = this.#steps.get(event.step) ?? null;
    step?.parts.set(event.id, event);
    return step;
  }

  #log(event: LogEvent): Step | null {
    const step = this.#steps.get(event.step) ?? null;
    step?.lines.push(...event.lines);
    step?.lines.splice(0, step.lines.length - LAST_LINES);
    return step;
  }
}

/** Milliseconds that a step ran so far: its runs merged, an unfinished one up to `now`. */
export function durationOf(step: Step, now: number): number {
  const runs = [...step.runs].toSorted(([a], [b]) => a - b);
  let total = 0;
  let end = -Infinity;
  for (const [start, completed] of runs) {
    const until = completed ?? now;
    total += Math.max(0, until - Math.max(start, end));
    end = Math.max(end, until);
  }
  return total;
}

/** True for the error of a step that was stopped because the build was. */
export function isCanceled(error: string): boolean {
  return error.endsWith("context canceled");
}
