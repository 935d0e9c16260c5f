import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  decodeSourceInfo,
  excerptLines,
  safeSource,
  type SourceText,
} from "../../../src/build/excerpt.ts";
import type { BuildEvent } from "../../../src/build/events.ts";
import { Progress } from "../../../src/build/progress.ts";
import { writeFields } from "../../../src/session/protobuf.ts";
import { range } from "./status-bytes.ts";
import { recording } from "./streams.ts";

const FILE = "one\ntwo\nthree\nfour\nfive\nsix\nseven";

function excerpt(from: number, to: number, text = FILE): string[] {
  return excerptLines({ file: "Dockerfile", text, lines: [{ from, to }] });
}

/** Numbers of the lines shown, a `>` before those that are marked. */
function shown(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const [, number, mark] = /^ +(\d+) \| (>>>| {3})/.exec(line) ?? [];
    return number === undefined ? [] : [`${mark === ">>>" ? ">" : ""}${number}`];
  });
}

describe("an excerpt", () => {
  it("looks as docker's does", () => {
    expect(excerpt(3, 4)).toEqual([
      "Dockerfile:3",
      "--------------------",
      "   2 |     two",
      "   3 | >>> three",
      "   4 | >>> four",
      "   5 |     five",
      "--------------------",
    ]);
  });

  it.each([
    ["a line in the middle", 4, 4, ["2", "3", ">4", "5", "6"]],
    ["the first", 1, 1, [">1", "2", "3"]],
    ["the last", 7, 7, ["5", "6", ">7"]],
    ["several lines", 2, 4, ["1", ">2", ">3", ">4", "5"]],
    ["all lines", 1, 7, [">1", ">2", ">3", ">4", ">5", ">6", ">7"]],
    ["past the end", 6, 99, ["5", ">6", ">7"]],
    ["not in the file", 8, 8, []],
    ["no line", 0, 0, []],
  ])("of %s", (_name, from, to, numbers) => {
    expect(shown(excerpt(from, to))).toEqual(numbers);
  });

  it("ends for any file and any range", () => {
    fc.assert(
      fc.property(fc.nat(12), fc.nat(14), fc.nat(14), (count, from, to) => {
        const text = Array.from({ length: count }, (_none, index) => `l${index}`).join("\n");
        const lines = excerpt(from, to, text);
        expect(lines.length).toBeLessThanOrEqual(Math.max(1, count) + 3);
      }),
    );
  });

  it("without ranges is none", () => {
    expect(excerptLines({ file: "f", text: "x", lines: [] })).toEqual([]);
  });
});

describe("BuildKit's typed error", () => {
  it.each([
    [
      "engine-28-failed",
      "Dockerfile.fail",
      [
        { from: 4, to: 4 },
        { from: 5, to: 5 },
      ],
    ],
    ["engine-28-canceled", "Dockerfile.cancel", [{ from: 3, to: 3 }]],
    ["engine-28-syntax", "Dockerfile.syntax", [{ from: 3, to: 3 }]],
    // 20.10 attaches none
    ["engine-20-canceled", null, null],
  ])("of %s, recorded", async (name, file, lines) => {
    const sources = decodeSourceInfo((await recording(name)).details);
    expect(sources.map((source) => [source.file, source.lines])).toEqual(
      file === null ? [] : [[file, lines]],
    );
  });

  it("is read as a protocol buffer too", () => {
    const info = writeFields([
      [1, "Dockerfile"],
      [2, FILE],
      [4, "Dockerfile"],
    ]);
    const value = writeFields([
      [1, info],
      [2, range(2, 3)],
      [2, range(6, 0)],
    ]);
    expect(decodeSourceInfo([{ typeUrl: "type.googleapis.com/errdefs.Source", value }])).toEqual([
      {
        file: "Dockerfile",
        text: FILE,
        lines: [
          { from: 2, to: 3 },
          { from: 6, to: 6 },
        ],
      },
    ]);
  });

  it.each([
    ["another type", "x/errdefs.Vertex+json", '{"digest":"x"}'],
    ["no JSON", "x/errdefs.Source+json", "{"],
    ["null", "x/errdefs.Source+json", "null"],
    ["no file", "x/errdefs.Source+json", '{"ranges":[{"start":{"line":1}}]}'],
    ["no ranges", "x/errdefs.Source+json", '{"info":{"data":"eA=="}}'],
    [
      "strange ranges",
      "x/errdefs.Source+json",
      '{"info":{"data":"eA=="},"ranges":[7,{"start":1}]}',
    ],
    ["damaged bytes", "x/errdefs.Source", "\u000a\u00ff\u00ff"],
  ])("%s is passed over", (_name, typeUrl, value) => {
    expect(decodeSourceInfo([{ typeUrl, value: Buffer.from(value, "latin1") }])).toEqual([]);
  });
});

describe("a source that is shown", () => {
  const source = (text: string): SourceText => ({ file: "f", text, lines: [{ from: 1, to: 1 }] });
  const safe = (text: string, mask = (all: string): string => all): string[] =>
    safeSource(source(text), mask).text.split("\n");

  it.each([
    ["ENV API_KEY=abc", "ENV API_KEY=***"],
    ['ENV DB_PASSWORD="a b" X=1', "ENV DB_PASSWORD=*** X=1"],
    ["ENV TOKEN abc def", "ENV TOKEN ***"],
    ["ARG npm_token='x'", "ARG npm_token=***"],
    ["RUN SECRET=$(cat /run/secrets/x) run", "RUN SECRET=$(cat /run/secrets/x) run"],
    ['ENV TOKEN="$TOKEN"', 'ENV TOKEN="$TOKEN"'],
    ["ENV KEYBOARD=us MONKEY=1 PATH=/x", "ENV KEYBOARD=us MONKEY=1 PATH=/x"],
    ["ARG TOKEN", "ARG TOKEN"],
  ])("IT3: %s", (line, expected) => {
    expect(safe(line)).toEqual([expected]);
  });

  it("IT3: is masked as a whole, with its line numbers kept", () => {
    const mask = (text: string): string => text.replace("alpha\nbeta", "***");
    expect(safe("a\nx alpha\nbeta y\nc", mask)).toEqual(["a", "***", "***", "c"]);
    expect(safe("a\nsecret\nc", (text) => text.replace("secret", "***"))).toEqual([
      "a",
      "***",
      "c",
    ]);
  });

  it("IT3: no line of a secret is left, wherever it stands", () => {
    const word = fc.stringMatching(/^[a-z]{1,3}$/);
    const secret = ["canary-01-x", "canary-02-y", "canary-03-z"].join("\n");
    fc.assert(
      fc.property(fc.array(word), fc.array(word), (before, after) => {
        const text = [...before, secret, ...after].join("\n");
        const lines = safe(text, (all) => all.replace(secret, "***"));
        expect(lines).toHaveLength(before.length + 3 + after.length);
        expect(lines.join("\n")).not.toContain("canary");
      }),
    );
  });

  it("IT3: reaches events masked and harmless", () => {
    const events: BuildEvent[] = [];
    const mask = (text: string): string => text.replaceAll("canary", "***");
    const progress = new Progress({ mask, emit: (event) => events.push(event) });
    progress.source({
      file: "canary\u0007",
      text: "RUN \u001b[31mcanary\r\nx",
      lines: [{ from: 1, to: 1 }],
    });
    expect(events).toEqual([
      {
        kind: "source",
        source: {
          file: String.raw`***\u0007`,
          text: "RUN ***\nx",
          lines: [{ from: 1, to: 1 }],
        },
      },
    ]);
  });
});
