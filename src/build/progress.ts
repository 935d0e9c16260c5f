/** Turns BuildKit's progress messages into events: joined to lines, masked, made harmless. */
import { escapeControl } from "../docker/errors.ts";
import type { BuildEvent, LogEvent, StepEvent } from "./events.ts";
import { safeSource, type SourceText } from "./excerpt.ts";
import { LogLines } from "./log-lines.ts";
import type { StatusResponse, Vertex, VertexLog, VertexStatus, VertexWarning } from "./status.ts";

/** What {@link Progress} needs. */
export interface ProgressOptions {
  readonly mask: (text: string) => string;
  readonly emit: (event: BuildEvent) => void;
}

/** Colors and cursor moves of a step's program: they would only garble what we draw around them. */
// oxlint-disable-next-line no-control-regex -- an escape sequence begins with a control character
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/gu;

/** The progress of one build. */
export class Progress {
  readonly #mask: (text: string) => string;
  readonly #emit: (event: BuildEvent) => void;
  readonly #lines: LogLines;
  readonly #logTimes = new Map<string, number>();

  constructor(o: ProgressOptions) {
    this.#mask = o.mask;
    this.#emit = o.emit;
    this.#lines = new LogLines(
      (before, after) => o.mask(before + after) === o.mask(before) + o.mask(after),
    );
  }

  /** Takes one StatusResponse. */
  push(status: StatusResponse): void {
    // started steps first, so that a log always has a step; finished ones last, after their output
    for (const vertex of status.vertexes) if (vertex.completed === undefined) this.#step(vertex);
    for (const part of status.statuses) this.#status(part);
    for (const log of status.logs) this.#log(log);
    for (const vertex of status.vertexes) if (vertex.completed !== undefined) this.#step(vertex);
    for (const warning of status.warnings) this.#warning(warning);
  }

  /** Reports where in the Dockerfile the build failed. */
  source(source: SourceText): void {
    this.#emit({ kind: "source", source: this.#safe(source) });
  }

  /** Passes on every unfinished line: no more will come. */
  end(): void {
    for (const key of this.#lines.open) this.#flush(key);
  }

  /** Masks first (an escape would hide a secret from the mask), then makes one harmless line of it. */
  clean(text: string): string {
    return harmless(this.#mask(text).replace(/\s*[\r\n]+\s*|\t/g, " "));
  }

  #step(vertex: Vertex): void {
    const { digest, cached, started, completed, inputs, group } = vertex;
    if (completed !== undefined) for (const stream of [1, 2]) this.#flush(keyOf(digest, stream));
    const step: StepEvent = { kind: "step", step: digest, name: this.clean(vertex.name), cached };
    const error = vertex.error === "" ? undefined : this.clean(vertex.error);
    this.#emit({
      ...step,
      ...present({ started, completed }),
      ...(error !== undefined && { error }),
      ...(inputs.length > 0 && { inputs }),
      ...(group && { group: { ...group, name: this.clean(group.name) } }),
    });
  }

  #status(part: VertexStatus): void {
    const { vertex: step, current, total, at, started, completed } = part;
    const id = this.clean(part.id);
    const name = part.name === "" ? {} : { name: this.clean(part.name) };
    const times = present({ at, started, completed });
    this.#emit({ kind: "status", step, id, ...name, current, total, ...times });
  }

  #warning({ vertex, level, text, detail, url, line, source }: VertexWarning): void {
    this.#emit({
      kind: "warning",
      text: this.clean(text),
      ...(url !== "" && { url: this.clean(url) }),
      ...present({ line }),
      step: vertex,
      level,
      ...(detail.length > 0 && { detail: detail.map((more) => this.clean(more)) }),
      ...(source && { source: this.#safe(source) }),
    });
  }

  #safe(source: SourceText): SourceText {
    const { text, ...rest } = safeSource(source, this.#mask);
    const clean = text.split("\n").map(harmless).join("\n");
    return { ...rest, text: clean, file: this.clean(rest.file) };
  }

  #log(log: VertexLog): void {
    const key = keyOf(log.vertex, log.stream);
    this.#logTimes.set(key, log.at);
    this.#emitLines(key, this.#lines.push(key, log.bytes));
  }

  #flush(key: string): void {
    this.#emitLines(key, this.#lines.flush(key));
  }

  #emitLines(key: string, text: string): void {
    if (text === "") return;
    // all lines at once: a secret may have several
    const lines = this.#mask(text)
      .replace(/\r?\n$/, "")
      .split(/\r?\n/)
      .map(harmless);
    const at = this.#logTimes.get(key) ?? 0;
    this.#emit({ kind: "log", ...fromKey(key), lines, at });
  }
}

/** Without escape sequences; of a line that was overwritten (progress bars) only the last state. */
function harmless(text: string): string {
  const plain = text.replace(ANSI, "").replace(/\r+$/, "");
  return escapeControl(plain.slice(plain.lastIndexOf("\r") + 1));
}

function keyOf(step: string, stream: number): string {
  return `${stream === 2 ? "stderr" : "stdout"} ${step}`;
}

function fromKey(key: string): Pick<LogEvent, "step" | "stream"> {
  const [stream, step = ""] = key.split(" ", 2);
  return { step, stream: stream === "stderr" ? "stderr" : "stdout" };
}

/** The values that are there: an absent time is an absent property, not an undefined one. */
function present<K extends string>(
  values: Readonly<Record<K, number | undefined>>,
): Partial<Record<K, number>> {
  const found: Partial<Record<K, number>> = {};
  for (const key in values) {
    const value = values[key];
    if (value !== undefined) found[key] = value;
  }
  return found;
}
