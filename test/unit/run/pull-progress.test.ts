import { describe, expect, it, vi } from "vitest";

import { pullView, type PullOutput } from "../../../src/run/pull-progress.ts";
import type { PullEvent } from "../../../src/run/pull.ts";

function status(id: string | undefined, text: string, bytes?: [number, number]): PullEvent {
  const [current, total] = bytes ?? [];
  return { kind: "status", id, text, ...(bytes && { current, total }) };
}

const EVENTS: readonly PullEvent[] = [
  { kind: "begin", image: "cats:1" },
  status("1", "Pulling from library/cats"),
  status("aaa", "Pulling fs layer"),
  status("bbb", "Already exists"),
  status("aaa", "Downloading", [1, 3]),
  status("aaa", "Downloading", [3, 3]),
  status("aaa", "Pull complete"),
  status("aaa", "Pull complete"),
  status(undefined, "Digest: sha256:0"),
  { kind: "end" },
];

function drawn(o: Partial<PullOutput>, events: readonly PullEvent[] = EVENTS): string[] {
  vi.useFakeTimers();
  try {
    const texts: string[] = [];
    const view = pullView({ ...o, write: (text) => texts.push(text) });
    for (const event of events) {
      view(event);
      vi.advanceTimersByTime(200);
    }
    return texts;
  } finally {
    vi.useRealTimers();
  }
}

describe("progress of a pull", () => {
  it("is a line for each change, without a terminal", () => {
    expect(drawn({}).join("")).toBe(
      [
        "pulling cats:1",
        "1: Pulling from library/cats",
        "aaa: Pulling fs layer",
        "bbb: Already exists",
        "aaa: Pull complete",
        "Digest: sha256:0",
        "",
      ].join("\n"),
    );
  });

  it("is a picture over the last one, on a terminal", () => {
    const [begin, ...pictures] = drawn({ isTTY: true, columns: 80, rows: 24 });
    expect(begin).toBe("pulling cats:1\n");
    expect(pictures[0]).toBe("1: Pulling from library/cats\n");
    expect(pictures[1]?.startsWith("\u001b[1A\r\u001b[J1: Pulling")).toBe(true);
    expect(pictures[3]).toContain("aaa: Downloading 33%\n");
    expect(pictures.at(-1)).toBe(
      "\u001b[4A\r\u001b[J1: Pulling from library/cats\naaa: Pull complete\nbbb: Already exists\nDigest: sha256:0\n",
    );
  });

  it("never takes more rows and columns than there are", () => {
    const many = Array.from({ length: 50 }, (_, at) => status(`layer${at}`, "Waiting ".repeat(9)));
    const pictures = drawn({ isTTY: true, columns: 40, rows: 10 }, many);
    for (const picture of pictures) {
      const shown = picture.split("\u001b[J").at(-1) ?? "";
      const lines = shown.trimEnd().split("\n");
      expect(lines.length).toBeLessThanOrEqual(8);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(40);
    }
  });

  it("draws less often than events come", () => {
    const texts: string[] = [];
    const view = pullView({ isTTY: true, write: (text) => texts.push(text) });
    for (let at = 0; at < 1_000; at += 1) view(status("aaa", "Downloading", [at, 1_000]));
    view({ kind: "end" });
    expect(texts.length).toBeLessThan(50);
    expect(texts.at(-1)).toContain("99%");
  });
});
