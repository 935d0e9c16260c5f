/** What we print for real progress, beside what buildx printed for the same. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { BuildEvent } from "../../../src/build/events.ts";
import { decodeSourceInfo } from "../../../src/build/excerpt.ts";
import { Progress } from "../../../src/build/progress.ts";
import { type ProgressMode, progressView } from "../../../src/build/progress-view.ts";
import { decodeStatus } from "../../../src/build/status.ts";
import { recording } from "./streams.ts";

const NAMES = [
  "engine-20-canceled",
  "engine-26-cached",
  "engine-26-parallel",
  "engine-28-canceled",
  "engine-28-failed",
  "engine-28-syntax",
  "containerd-28-parallel",
] as const;

/** Plays a recording at its own pace. */
async function play(name: (typeof NAMES)[number], mode: ProgressMode): Promise<string> {
  const { messages, details } = await recording(name);
  let text = "";
  const output = { columns: 100, rows: 40, write: (more: string) => (text += more) };
  const view = progressView({ mode, output, color: false });
  const progress = new Progress({
    mask: (line) => line,
    emit: (event: BuildEvent) => view.onProgress(event),
  });
  const start = Date.now();
  for (const { ms, status } of messages) {
    await vi.advanceTimersByTimeAsync(Math.max(0, start + ms - Date.now()));
    progress.push(decodeStatus(status));
    await vi.advanceTimersByTimeAsync(0);
  }
  progress.end();
  for (const source of decodeSourceInfo(details)) progress.source(source);
  view.end();
  return text;
}

/** Without what differs on purpose, or by chance. */
function comparable(text: string): string[] {
  return (
    text
      // our warnings say more, buildx's error line is the command line's to print
      .replace(/\n \d+ warnings? found[^]*?(?=\n?$|\n\w\S*:\d+\n)/, "")
      .replace(/^ERROR: .*\n?/m, "")
      // buildx repeats an unfinished line in its tail of the log
      .replace(/\n------\n[^]*?\n------/g, "")
      .replace(/\n+$/, "")
      .split("\n")
  );
}

/** Lines of each step in their order, by its name: who comes first may be chance in buildx. */
function bySteps(text: string): Map<string, string[]> {
  const steps = new Map<string, string[]>();
  const names = new Map<string, string>();
  for (const [number, rest] of numbered(text)) {
    const name = names.get(number) ?? rest;
    names.set(number, name);
    const lines = steps.get(name) ?? [];
    steps.set(name, lines);
    // seconds of a step's end are rounded from nanoseconds
    if (rest !== name) lines.push(rest.replace(/ \d+\.\ds( done)?$/, "$1"));
  }
  return steps;
}

/** Number and rest of each line of a step, but for those that say who has the floor. */
function numbered(text: string): [string, string][] {
  return comparable(text).flatMap((line): [string, string][] => {
    const [, number, rest] = /^#(\d+) (.*)$/.exec(line) ?? [];
    return number === undefined || rest === undefined || rest === "..." ? [] : [[number, rest]];
  });
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval", "setTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("plain progress is that of buildx", () => {
  it.each(NAMES)("%s: each step's lines", async (name) => {
    const { printed } = await recording(name);
    const text = await play(name, "plain");
    expect(sorted(bySteps(text))).toEqual(sorted(bySteps(printed)));
  });

  // with parallel steps, buildx takes its order from a map of Go, which has none
  it.each(["engine-20-canceled", "engine-28-failed", "engine-28-syntax"] as const)(
    "%s: every line, with its times",
    async (name) => {
      const { printed } = await recording(name);
      const secret = /(API_KEY|SECRET_TOKEN)=\S+/g;
      const lines = comparable(printed).map((line) => line.replace(secret, "$1=***"));
      expect(comparable(await play(name, "plain"))).toEqual(lines);
    },
  );

  it("steps that take turns say so, and come back with their name", async () => {
    const text = await play("engine-26-parallel", "plain");
    const left = /^#(\d+) \.\.\.$/m.exec(text)?.[1] ?? "";
    const title = new RegExp(`^#${left} \\[.*$`, "gm");
    expect(new Set(text.match(title)).size).toBe(1);
    expect(text.match(title)?.length).toBeGreaterThan(1);
  });

  it("ends with the failed step and the place in the Dockerfile", async () => {
    const text = await play("engine-28-canceled", "plain");
    expect(text.slice(text.indexOf("------\n >")).split("\n")).toEqual([
      "------",
      " > [one 1/1] RUN sleep 1; echo boom one; printf 'half a line' >&2; exit 7:",
      expect.stringMatching(/^1\.\d{3} boom one$/),
      expect.stringMatching(/^1\.\d{3} half a line$/),
      "------",
      "Dockerfile.cancel:3",
      "--------------------",
      "   1 |     FROM busybox:local AS base",
      "   2 |     FROM base AS one",
      "   3 | >>> RUN sleep 1; echo boom one; printf 'half a line' >&2; exit 7",
      "   4 |     FROM base AS two",
      "   5 |     RUN for i in $(seq 1 60); do echo two $i; sleep 0.1; done",
      "--------------------",
      "",
    ]);
  });
});

describe("other views of the same", () => {
  it.each(NAMES)("%s: rawjson is read by whoever reads buildx's", async (name) => {
    const text = await play(name, "rawjson");
    const lines = text.trim().split("\n");
    const messages = lines.map((line) => JSON.parse(line) as Record<string, unknown[]>);
    expect(new Set(messages.flatMap((message) => Object.keys(message)))).toEqual(
      new Set(["vertexes", "statuses", ...keysOf(name)]),
    );
  });

  it.each(NAMES)("%s: the live view never leaves its screen", async (name) => {
    const text = await play(name, "tty");
    // oxlint-disable-next-line no-control-regex -- pictures are told apart by the erase sequence
    const pictures = text.split(/\u001b\[\d+A\r\u001b\[J/).slice(0, -1);
    for (const picture of pictures) {
      const lines = picture.split("\n");
      expect(lines.length).toBeLessThanOrEqual(40);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    }
    expect(text).toContain("[+] Building");
  });
});

function keysOf(name: (typeof NAMES)[number]): string[] {
  if (name === "engine-28-failed") return ["logs", "warnings"];
  return name === "engine-26-cached" || name === "engine-28-syntax" ? [] : ["logs"];
}

function sorted(steps: ReadonlyMap<string, readonly string[]>): unknown[] {
  return [...steps].toSorted(([a], [b]) => (a < b ? -1 : 1));
}
