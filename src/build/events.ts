/**
 * What a build reports while it runs. All text is masked and free of control characters; times are
 * milliseconds since 1970, by the engine's clock.
 */

/** A step (BuildKit: vertex) that is waiting, running or done. Comes many times for one step. */
export interface StepEvent {
  readonly kind: "step";
  readonly step: string;
  readonly name: string;
  readonly cached: boolean;
  readonly started?: number;
  readonly completed?: number;
  readonly error?: string;
}

/** Progress within a step: a layer that is fetched or written. */
export interface StatusEvent {
  readonly kind: "status";
  readonly step: string;
  readonly id: string;
  /** Bytes; `total` is 0 when it is not known. */
  readonly current: number;
  readonly total: number;
  readonly started?: number;
  readonly completed?: number;
}

/** Whole lines that a step wrote. */
export interface LogEvent {
  readonly kind: "log";
  readonly step: string;
  readonly stream: "stdout" | "stderr";
  readonly lines: readonly string[];
  readonly at: number;
}

/** A warning, from BuildKit's checks of the Dockerfile or from us. */
export interface WarningEvent {
  readonly kind: "warning";
  readonly text: string;
  readonly url?: string;
  /** Line of the Dockerfile, from 1. */
  readonly line?: number;
}

/** Anything that a build reports. */
export type BuildEvent = StepEvent | StatusEvent | LogEvent | WarningEvent;
