import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { BuildEvent } from "../../../src/build/events.ts";
import { PlainView } from "../../../src/build/render-plain.ts";
import { TtyView } from "../../../src/build/render-tty.ts";
import { bytesText } from "../../../src/build/render-text.ts";
import { Progress } from "../../../src/build/progress.ts";
import { type ProgressMode, progressView } from "../../../src/build/progress-view.ts";
import { durationOf, Steps } from "../../../src/build/steps.ts";
import { decodeStatus } from "../../../src/build/status.ts";
import { cells } from "../../../src/build/render-width.ts";
import { log, part, vertex, type VertexFields, warning } from "./status-bytes.ts";

const SECRET = "canary-41ce";

function eventsOf(messages: readonly Buffer[]): BuildEvent[] {
  const events: BuildEvent[] = [];
  const mask = (text: string): string => text.replaceAll(SECRET, "***");
  const progress = new Progress({ mask, emit: (event) => events.push(event) });
  for (const message of messages) progress.push(decodeStatus(message));
  progress.end();
  return events;
}

function linesOf(messages: readonly Buffer[]): string[] {
  return eventsOf(messages).flatMap((event) => (event.kind === "log" ? event.lines : []));
}

function plain(messages: readonly Buffer[]): string {
  const view = new PlainView();
  const printed = eventsOf(messages).map((event, index) => {
    view.push(event, index);
    return view.print(index);
  });
  return printed.join("") + view.end(messages.length);
}

describe("decoding", () => {
  it("reads steps, parts, logs and warnings, and skips fields it does not know", () => {
    const events = eventsOf([
      vertex({ digest: "a", name: "step", started: 1_500 }),
      part("a", "layer", { current: 5, total: 10 }),
      log("a", "out\n", { at: 2_000, stream: 2 }),
      warning("SecretsUsedInArgOrEnv: no", 7),
      vertex({
        digest: "a",
        name: "step",
        started: 1_500,
        completed: 2_750,
        cached: true,
        error: "e",
      }),
    ]);
    expect(events).toEqual([
      {
        kind: "step",
        step: "a",
        name: "step",
        cached: false,
        started: 1_500,
        inputs: ["sha256:input"],
      },
      { kind: "status", step: "a", id: "layer", current: 5, total: 10, started: 1_000 },
      { kind: "log", step: "a", stream: "stderr", lines: ["out"], at: 2_000 },
      {
        kind: "warning",
        text: "SecretsUsedInArgOrEnv: no",
        url: "https://docs.example/check",
        line: 7,
        step: "sha256:v",
        level: 0,
      },
      {
        kind: "step",
        step: "a",
        name: "step",
        cached: true,
        started: 1_500,
        completed: 2_750,
        error: "e",
        inputs: ["sha256:input"],
      },
    ]);
  });

  it("within one message output comes before the end of its step", () => {
    const message = Buffer.concat([
      vertex({ digest: "a", started: 1, completed: 2 }),
      log("a", "x\n"),
    ]);
    expect(eventsOf([message]).map((event) => event.kind)).toEqual(["log", "step"]);
  });
});

describe("output is masked and harmless", () => {
  it("IT3: wherever BuildKit cuts it", () => {
    const text = Buffer.from(`before ${SECRET} é after\nsecond ${SECRET}\nrest ${SECRET}`);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 6 }), (places) => {
        const cuts = [0, ...places.toSorted((a, b) => a - b), text.length];
        const pieces = cuts.slice(1).map((end, index) => text.subarray(cuts[index], end));
        expect(linesOf(pieces.map((piece) => log("a", piece)))).toEqual([
          "before *** é after",
          "second ***",
          "rest ***",
        ]);
      }),
    );
  });

  it("does not mix up steps and streams", () => {
    expect(
      linesOf([
        log("a", "one"),
        log("b", "two"),
        log("a", "err", { stream: 2 }),
        log("a", "more\n"),
      ]),
    ).toEqual(["onemore", "two", "err"]);
  });

  it("IT3: names, errors, parts and warnings too", () => {
    const events = eventsOf([
      vertex({ digest: "a", name: `RUN ${SECRET}`, started: 1, completed: 2, error: SECRET }),
      part("a", SECRET, { current: 1, total: 1 }),
      warning(SECRET, 1),
    ]);
    expect(JSON.stringify(events)).not.toContain(SECRET);
    expect(JSON.stringify(events)).toContain("RUN ***");
  });

  it.each([
    ["colors", "\u001b[31mred\u001b[0m", "red"],
    ["cursor moves", "\u001b[2Jx\u001b[1;1H", "x"],
    ["a window title", "\u001b]0;title\u0007x", "x"],
    ["a progress bar", "10%\r50%\r100%", "100%"],
    ["a bell", "a\u0007b", String.raw`a\u0007b`],
    ["text in reverse", "a\u202eb", String.raw`a\u202eb`],
    ["a Windows line end", "a\r", "a"],
  ])("%s", (_name, text, expected) => {
    expect(linesOf([log("a", `${text}\n`)])).toEqual([expected]);
  });

  it("a name is one line, whatever its command has", () => {
    const [event] = eventsOf([vertex({ digest: "a", name: "RUN a \n  b\r\n\tc", started: 1 })]);
    expect(event).toMatchObject({ name: "RUN a b c" });
  });

  it("a line without end is passed on in pieces when it is long", () => {
    const events = eventsOf([
      log("a", "x".repeat(40_000)),
      log("a", "x".repeat(40_000)),
      log("a", "y\n"),
    ]);
    const lengths = events.map((event) => (event.kind === "log" ? event.lines.join("").length : 0));
    expect(lengths).toEqual([80_000 - 8_192, 8_193]);
  });

  it("IT3: no piece ends inside of a secret or of a character", () => {
    fc.assert(
      fc.property(fc.integer({ min: 55_000, max: 90_000 }), fc.boolean(), (at, wide) => {
        const filler = wide ? "é" : "x";
        const text = `${filler.repeat(Math.floor(at / 2))}${SECRET}${filler.repeat(30_000)}`;
        const bytes = Buffer.from(text);
        const pieces = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((tenth) =>
          bytes.subarray((bytes.length * tenth) / 10, (bytes.length * (tenth + 1)) / 10),
        );
        const shown = linesOf(pieces.map((piece) => log("a", piece))).join("");
        expect(shown).toBe(text.replace(SECRET, "***"));
      }),
      { numRuns: 40 },
    );
  });

  it("IT3: a secret across the place of a cut moves the cut", () => {
    const before = "x".repeat(80_000 - 8_192 - 5);
    const after = "y".repeat(80_000 - before.length - SECRET.length);
    const events = eventsOf([log("a", before + SECRET + after), log("a", "\n")]);
    const lines = events.flatMap((event) => (event.kind === "log" ? event.lines : []));
    expect(lines).toHaveLength(2);
    expect(lines.join("")).toBe(`${before}***${after}`);
  });
});

describe("steps", () => {
  it("merge the runs of a step that was started again", () => {
    const steps = new Steps();
    for (const event of eventsOf([
      vertex({ digest: "a", started: 1_000, completed: 2_000 }),
      vertex({ digest: "a", started: 1_500, completed: 3_000 }),
      vertex({ digest: "a", started: 5_000 }),
    ])) {
      steps.push(event);
    }
    const [step] = steps.all;
    expect(step?.done).toBe(false);
    expect(step && durationOf(step, 6_000)).toBe(3_000);
  });

  it("that never started are not shown; those stopped by another's failure did not fail", () => {
    const steps = new Steps();
    for (const event of eventsOf([
      vertex({ digest: "internal", completed: 1 }),
      vertex({ digest: "a", started: 1, completed: 2, error: "process: context canceled" }),
      vertex({ digest: "b", started: 1, completed: 2, error: "exit code: 1" }),
    ])) {
      steps.push(event);
    }
    expect(steps.all.map((step) => step.id)).toEqual(["a", "b"]);
    expect(steps.failed.map((step) => step.id)).toEqual(["b"]);
  });
});

describe("groups", () => {
  const member = (digest: string, weak: boolean, more: Partial<VertexFields>): Buffer =>
    vertex({
      digest,
      name: `part ${digest}`,
      group: { id: "g", name: "COPY --link", weak },
      ...more,
    });

  it("are one step: cached when all is, failed when a part has", () => {
    const steps = new Steps();
    for (const event of eventsOf([
      member("a", true, { started: 1_000, completed: 1_500, cached: true }),
      member("b", false, {}),
    ])) {
      steps.push(event);
    }
    expect([steps.all.length, steps.total]).toEqual([0, 0]);
    for (const event of eventsOf([
      member("b", false, { started: 2_000, completed: 2_700, cached: false }),
      log("b", "text\n"),
    ])) {
      steps.push(event);
    }
    const [step, ...others] = steps.all;
    expect(others).toEqual([]);
    expect(step).toMatchObject({ name: "COPY --link", cached: false, error: null, done: true });
    expect([step?.lines, step && durationOf(step, 0), steps.total]).toEqual([["text"], 1_200, 1]);
  });

  it("show when a weak part fails", () => {
    const steps = new Steps();
    for (const event of eventsOf([member("a", true, { started: 1, completed: 2, error: "bad" })]))
      steps.push(event);
    expect(steps.failed.map(({ name }) => name)).toEqual(["COPY --link"]);
  });
});

describe("plain view", () => {
  it("numbers steps and puts the number on every line", () => {
    expect(
      plain([
        vertex({ digest: "a", name: "[1/2] FROM x", started: 1_000 }),
        vertex({ digest: "b", name: "[2/2] RUN y", started: 2_000 }),
        log("b", "hello\nworld\n", { at: 2_250 }),
        part("a", "sha256:1", { current: 1_500_000, total: 1_500_000, completed: 3_000 }),
        vertex({
          digest: "a",
          name: "[1/2] FROM x",
          started: 1_000,
          completed: 3_000,
          cached: true,
        }),
        vertex({
          digest: "a",
          name: "[1/2] FROM x",
          started: 1_000,
          completed: 3_000,
          cached: true,
        }),
        vertex({ digest: "b", name: "[2/2] RUN y", started: 2_000, completed: 4_000 }),
      ]),
    ).toBe(
      [
        "#1 [1/2] FROM x",
        "#1 sha256:1 1.50MB / 1.50MB 2.0s done",
        "#1 CACHED",
        "",
        "#2 [2/2] RUN y",
        "#2 0.250 hello",
        "#2 0.250 world",
        "#2 DONE 2.0s",
        "",
      ].join("\n"),
    );
  });

  it("gives the floor to one step at a time, and says when it is taken", () => {
    const view = new PlainView();
    const printed: string[] = [];
    const push = (now: number, ...messages: readonly Buffer[]): void => {
      for (const event of eventsOf(messages)) view.push(event, now);
      printed.push(view.print(now));
    };
    push(0, vertex({ digest: "a", name: "A", started: 1 }));
    push(100, vertex({ digest: "b", name: "B", started: 100 }));
    for (let now = 200; now <= 3_000; now += 200) push(now, log("b", `b${now}\n`, { at: now }));
    expect(printed.join("")).toBe("#1 A\n");
    push(20_000, log("b", "late\n", { at: 20_000 }));
    expect(printed.at(-1)).toMatch(
      /^#1 \.\.\.\n\n#2 B\n#2 0\.100 b200\n(?:.*\n)*#2 19\.90 late\n$/,
    );
    push(20_100, vertex({ digest: "a", name: "A", started: 1, completed: 20_100 }));
    expect(printed.at(-1)).toBe("#2 ...\n\n#1 A\n#1 DONE 20.1s\n");
    push(20_200, log("b", "more\n", { at: 20_200 }));
    expect(printed.at(-1)).toBe("\n#2 B\n#2 20.10 more\n");
  });

  it("shows parts as they move, and leaves out what hardly moved", () => {
    const sizes = [0, 100, 120, 149, 400, 1_000];
    const messages = sizes.map((current, index) =>
      part("a", "layer", { current, total: 1_000, at: 1_000 + index * 100 }),
    );
    expect(
      plain([vertex({ digest: "a", name: "A", started: 1_000 }), ...messages]).split("\n"),
    ).toEqual([
      "#1 A",
      "#1 layer 0B / 1.00kB",
      "#1 layer 100B / 1.00kB 0.1s",
      "#1 layer 400B / 1.00kB 0.4s",
      "#1 layer 1.00kB / 1.00kB 0.5s",
      "",
    ]);
  });

  it("ends with the last ten lines of what failed, and with the warnings", () => {
    const output = Array.from({ length: 15 }, (_none, index) => `line ${index}`).join("\n");
    const text = plain([
      vertex({ digest: "a", name: "RUN x", started: 1 }),
      vertex({ digest: "b", name: "RUN y", started: 1 }),
      log("a", `${output}\n`),
      warning("bad habit", 3),
      vertex({ digest: "a", name: "RUN x", started: 1, completed: 2, error: "exit code: 1" }),
      vertex({
        digest: "b",
        name: "RUN y",
        started: 1,
        completed: 2,
        error: "x: context canceled",
      }),
    ]);
    expect(text).toContain("#1 ERROR: exit code: 1\n");
    expect(text).toContain("#2 CANCELED\n");
    const end = text.slice(text.indexOf("------"));
    expect(end.split("\n")).toEqual([
      "------",
      " > RUN x:",
      ...Array.from({ length: 10 }, (_none, index) => `0.000 line ${index + 5}`),
      "------",
      "",
      " 1 warning found:",
      " - bad habit (line 3)",
      "",
    ]);
  });

  it("IT3: warnings about secrets come first, with what to do", () => {
    const text = plain([
      vertex({ digest: "sha256:v", name: "load", started: 1 }),
      warning("JSONArgsRecommended: x (line 9)", 9),
      warning('SecretsUsedInArgOrEnv: y (ENV "API_KEY") (line 2)', 2, {
        file: "Dockerfile",
        text: "FROM x\nENV API_KEY=abc\n",
      }),
      vertex({ digest: "sha256:v", name: "load", started: 1, completed: 2 }),
    ]);
    expect(text).toContain("#1 WARN: JSONArgsRecommended: x (line 9)\n");
    expect(text.slice(text.indexOf("\n 2 warnings")).split("\n")).toEqual([
      "",
      " 2 warnings found:",
      ' - SecretsUsedInArgOrEnv: y (ENV "API_KEY") (line 2)',
      expect.stringContaining("RUN --mount=type=secret"),
      "   https://docs.example/check",
      "   Dockerfile:2",
      "   --------------------",
      "      1 |     FROM x",
      "      2 | >>> ENV API_KEY=***",
      "      3 |     ",
      "   --------------------",
      " - JSONArgsRecommended: x (line 9)",
      "",
    ]);
  });
});

describe("live view", () => {
  const canvas = { columns: 40, rows: 24, now: 3_000, color: false };

  function view(messages: readonly Buffer[]): TtyView {
    const made = new TtyView();
    // our clock and the engine's agree
    for (const event of eventsOf(messages)) made.push(event, 1_000);
    return made;
  }

  it("shows running steps with their last lines and parts", () => {
    const made = view([
      vertex({ digest: "a", name: "FROM x", started: 1_000, completed: 1_500 }),
      vertex({ digest: "b", name: "RUN y", started: 2_000 }),
      log("b", "1\n2\n3\n4\n5\n"),
      part("b", "layer", { current: 1_000, total: 2_000 }),
    ]);
    expect(made.frame(canvas)).toEqual([
      "[+] Building 2.0s (1/2)",
      ` => ${"FROM x".padEnd(30)} 0.5s`,
      ` => ${"RUN y".padEnd(30)} 1.0s`,
      " => => # 1",
      " => => # 2",
      " => => # 3",
      " => => # 4",
      " => => # 5",
      ` => ${"=> layer 1.00kB / 2.00kB".padEnd(30)} 2.0s`,
    ]);
  });

  it("shows no output where there is no room, and the last six lines where there is", () => {
    const made = view([
      vertex({ digest: "b", name: "RUN y", started: 1_000 }),
      log("b", "1\n2\n3\n4\n5\n6\n7\n8\n"),
    ]);
    expect(made.frame({ ...canvas, rows: 12 })).toHaveLength(2);
    expect(
      made
        .frame({ ...canvas, rows: 13 })
        .slice(2)
        .map((line) => line.trim()),
    ).toEqual([3, 4, 5, 6, 7, 8].map((line) => `=> => # ${line}`));
  });

  it("marks what was cached, failed and stopped, and tells the end", () => {
    const made = view([
      vertex({ digest: "a", name: "A", started: 1_000, completed: 1_001, cached: true }),
      vertex({ digest: "b", name: "B", started: 1_000, completed: 1_100, error: "exit code: 1" }),
      vertex({
        digest: "c",
        name: "C",
        started: 1_000,
        completed: 1_100,
        error: "context canceled",
      }),
    ]);
    const lines = made.end(canvas).split("\n");
    expect(lines[0]).toBe("[+] Building 2.0s (3/3) FINISHED");
    expect(lines.slice(1, 4).map((line) => line.replace(/ {2,}/, " "))).toEqual([
      " => CACHED A 0.0s",
      " => ERROR B 0.1s",
      " => CANCELED C 0.1s",
    ]);
  });

  it("counts time by the engine's clock", () => {
    const made = new TtyView();
    const [event] = eventsOf([vertex({ digest: "a", name: "A", started: 1_000 })]);
    made.push(event!, 5_000_000);
    expect(made.frame({ ...canvas, now: 5_002_000 })[0]).toBe("[+] Building 2.0s (0/1)");
  });

  it("is as wide as the screen, also with wide characters", () => {
    const names = [
      "日本語のステップ".repeat(9),
      "🚀".repeat(40),
      "e\u0301".repeat(60),
      "x".repeat(90),
    ];
    const made = view(
      names.map((name, index) => vertex({ digest: `d${index}`, name, started: 1, completed: 2 })),
    );
    const [, ...lines] = made.frame(canvas);
    expect(lines.map((line) => cells(line))).toEqual(names.map(() => 39));
  });

  it("never outgrows the screen, and keeps what runs", () => {
    const many = Array.from({ length: 50 }, (_none, index) =>
      vertex({ digest: `d${index}`, name: "x".repeat(100), started: 1, completed: 2 }),
    );
    const made = view([vertex({ digest: "run", name: "RUNNING", started: 1 }), ...many]);
    const frame = made.frame({ ...canvas, rows: 10 });
    expect(frame.length).toBeLessThan(10);
    expect(Math.max(...frame.map((line) => line.length))).toBeLessThanOrEqual(40);
    expect(frame.join("\n")).toContain("RUNNING");
    expect(made.end(canvas).split("\n").length).toBeGreaterThan(50);
  });

  it("colors only when asked to, and whole", () => {
    const made = view([
      vertex({ digest: "a", name: "x".repeat(90), started: 1, completed: 2, error: "e" }),
    ]);
    expect(made.frame(canvas).join("")).not.toContain("\u001b");
    const line = made.frame({ ...canvas, color: true })[1] ?? "";
    expect(line.startsWith("\u001b[31m") && line.endsWith("\u001b[0m")).toBe(true);
  });
});

describe("drawing", () => {
  async function draw(mode: ProgressMode, isTTY: boolean): Promise<string> {
    let text = "";
    const output = { isTTY, columns: 60, rows: 10, write: (more: string) => (text += more) };
    const view = progressView({ mode, output, color: false });
    for (const event of eventsOf([
      vertex({ digest: "a", name: "RUN x", started: 1, completed: 2 }),
    ])) {
      view.onProgress(event);
    }
    if (mode === "tty") await new Promise((resolve) => setTimeout(resolve, 350));
    view.end();
    view.end();
    return text;
  }

  it("is plain on a pipe, live on a terminal, nothing when quiet", async () => {
    expect(await draw("auto", false)).toBe("#1 RUN x\n#1 DONE 0.0s\n");
    expect(await draw("auto", true)).toContain("[+] Building");
    expect(await draw("quiet", true)).toBe("");
  });

  it("is one line of JSON for each message", async () => {
    const [line, ...more] = (await draw("rawjson", true)).split("\n");
    expect(JSON.parse(line ?? "")).toMatchObject({ vertexes: [{ digest: "a", name: "RUN x" }] });
    expect(more).toEqual([""]);
  });

  it("redraws over the last picture", async () => {
    const text = await draw("tty", false);
    expect(text).toContain("\u001b[2A\r\u001b[J");
  });
});

describe("bytesText", () => {
  it.each([
    [0, "0B"],
    [999, "999B"],
    [1_000, "1.00kB"],
    [12_345_678, "12.35MB"],
    [2e15, "2000.00TB"],
  ])("%d is %s", (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });
});
