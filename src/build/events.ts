/**
 * What a build reports while it runs. All text is masked and free of control characters; times are
 * milliseconds since 1970, by the engine's clock.
 */
import type { SourceText } from "./excerpt.ts";

/** Steps that are shown as one: the parts of a `COPY --link`, for instance. */
export interface StepGroup {
  readonly id: string;
  readonly name: string;
  /** A weak member alone does not make its group visible. */
  readonly weak: boolean;
}

/** A step (BuildKit: vertex) that is waiting, running or done. Comes many times for one step. */
export interface StepEvent {
  readonly kind: "step";
  readonly step: string;
  readonly name: string;
  readonly cached: boolean;
  readonly started?: number;
  readonly completed?: number;
  readonly error?: string;
  /** Digests of the steps that this one needs. */
  readonly inputs?: readonly string[];
  readonly group?: StepGroup;
}

/** Progress within a step: a layer that is fetched or written. */
export interface StatusEvent {
  readonly kind: "status";
  readonly step: string;
  readonly id: string;
  /** What is done, such as `transferring`; {@link id} says the same with its object. */
  readonly name?: string;
  /** Bytes; `total` is 0 when it is not known. */
  readonly current: number;
  readonly total: number;
  readonly at?: number;
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
  /** Absent when it is ours. */
  readonly step?: string;
  /** BuildKit's own number. */
  readonly level?: number;
  readonly detail?: readonly string[];
  readonly source?: SourceText;
}

/** The place in the Dockerfile where the build failed. */
export interface SourceEvent {
  readonly kind: "source";
  readonly source: SourceText;
}

/**
 * A secret was opened for the engine, which asked for it: once for each time that it asked. What is
 * opened only to mask output, or to look for it in what is sent, is not told.
 */
export interface OpenedEvent {
  readonly kind: "opened";
  /** The id that the engine named. */
  readonly secret: string;
  /** By our own clock. */
  readonly at: number;
}

/** Anything that a build reports. */
export type BuildEvent =
  StepEvent | StatusEvent | LogEvent | WarningEvent | SourceEvent | OpenedEvent;
