/** Which lines of a live view get a place on the screen. Pure. */
import type { Color } from "./render-text.ts";
import type { Step } from "./steps.ts";

/** Last lines of output under a running step, as many as docker shows. */
const LOG_LINES = 6;
/** Rows that must be free for one more window of output: its lines, and some air. */
const LOG_ROOM = LOG_LINES + 3;

/** One line of the view; a running step may have its last output below it. */
export interface Job {
  readonly name: string;
  /** With a leading space, or "". */
  readonly size: string;
  readonly ms: number;
  readonly isDone: boolean;
  readonly color: Color;
  /** Absent for parts and warnings. */
  readonly step?: Step;
  readonly log?: readonly string[];
}

/**
 * Gives running steps their windows of output, those that say most first, as long as all running
 * jobs keep a row.
 */
export function withLogs(jobs: readonly Job[], rows: number): Job[] {
  const running = jobs.filter(({ isDone }) => !isDone);
  let free = rows - running.length;
  const shown = new Set<Job>();
  const talkers = running
    .filter(({ step }) => step !== undefined && step.log.length > 0)
    .toSorted((a, b) => (b.step?.log.length ?? 0) - (a.step?.log.length ?? 0));
  for (const job of talkers) {
    if (free <= LOG_ROOM) break;
    shown.add(job);
    free -= LOG_ROOM;
  }
  return jobs.map((job) =>
    shown.has(job) ? { ...job, log: (job.step?.lines ?? []).slice(-LOG_LINES) } : job,
  );
}

/** Where not all lines fit, finished jobs go first, oldest first; then the oldest of all. */
export function fitJobs(jobs: readonly Job[], rows: number): Job[] {
  const logs = jobs.reduce((sum, { log }) => sum + (log?.length ?? 0), 0);
  let surplus = jobs.length + logs - rows;
  const kept = jobs.filter(({ isDone }) => {
    if (surplus <= 0 || !isDone) return true;
    surplus -= 1;
    return false;
  });
  return surplus > 0 ? kept.slice(surplus) : kept;
}
