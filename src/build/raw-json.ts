/**
 * Progress as JSON lines, in the form of `docker buildx build --progress=rawjson`: one object for
 * each message of the engine. Pure.
 *
 * What differs from docker's: all text is masked, so output comes in whole lines; times have
 * microseconds; the source of a warning has no LLB definition.
 */
import type {
  BuildEvent,
  LogEvent,
  SourceEvent,
  StatusEvent,
  StepEvent,
  WarningEvent,
} from "./events.ts";

/** Renders one build. */
export class RawJsonView {
  #pending: Exclude<BuildEvent, SourceEvent>[] = [];

  /** Takes an event. Where the build failed is no part of the format: the error tells it. */
  push(event: BuildEvent): void {
    if (event.kind !== "source") this.#pending.push(event);
  }

  /** @returns one line for everything since the last call, or "" */
  print(): string {
    const events = this.#pending;
    if (events.length === 0) return "";
    this.#pending = [];
    const vertexes = events.filter((event) => event.kind === "step").map(vertexOf);
    const statuses = events.filter((event) => event.kind === "status").map(statusOf);
    const logs = events.filter((event) => event.kind === "log").map(logOf);
    const warnings = events.filter((event) => event.kind === "warning").map(warningOf);
    const message = {
      vertexes: some(vertexes),
      statuses: some(statuses),
      logs: some(logs),
      warnings: some(warnings),
    };
    return `${JSON.stringify(message)}\n`;
  }

  end(): string {
    return this.print();
  }
}

function vertexOf({ step, inputs, name, started, completed, ...event }: StepEvent): object {
  const { cached, error, group } = event;
  return {
    digest: step,
    inputs,
    name,
    started: timeText(started),
    completed: timeText(completed),
    cached: cached ? true : undefined,
    error,
    progressGroup: group && { id: group.id, name: group.name, weak: group.weak || undefined },
  };
}

function statusOf({ id, step, name, total, current, at, started, completed }: StatusEvent): object {
  return {
    id,
    vertex: step,
    name,
    total: total === 0 ? undefined : total,
    current,
    timestamp: timeText(at),
    started: timeText(started),
    completed: timeText(completed),
  };
}

function logOf({ step, stream, lines, at }: LogEvent): object {
  const data = base64(`${lines.join("\n")}\n`);
  return { vertex: step, stream: stream === "stderr" ? 2 : 1, data, timestamp: timeText(at) };
}

function warningOf({ step, level, text, detail, url, source, line }: WarningEvent): object {
  const ranges = source?.lines ?? (line === undefined ? undefined : [{ from: line, to: line }]);
  return {
    vertex: step,
    level,
    short: base64(text),
    detail: detail?.map(base64),
    url,
    sourceInfo: source && { filename: source.file, data: base64(source.text) },
    range: ranges?.map(({ from, to }) => ({ start: { line: from }, end: { line: to } })),
  };
}

function some<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** Bytes are base64, as Go writes them. */
function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

/** RFC 3339 in UTC, with the microseconds that a number of milliseconds can hold. */
function timeText(ms: number | undefined): string | undefined {
  if (ms === undefined) return undefined;
  const micros = Math.round(ms * 1_000);
  const fraction = String(micros % 1_000_000)
    .padStart(6, "0")
    .replace(/0+$/, "");
  const seconds = new Date(Math.floor(micros / 1_000_000) * 1_000).toISOString().slice(0, 19);
  return `${seconds}${fraction === "" ? "" : `.${fraction}`}Z`;
}
