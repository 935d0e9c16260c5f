import { PassThrough, Readable } from "node:stream";

import { describe, expect, it } from "vitest";

import { readAnswer } from "../../../src/build/answer.ts";
import { BuildFailedError, failure } from "../../../src/build/failure.ts";
import { Steps } from "../../../src/build/steps.ts";

const text = (...lines: readonly object[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\r\n`).join("");

describe("readAnswer", () => {
  it("finds progress, image and error, wherever the lines are cut", async () => {
    const traces: string[] = [];
    const bytes = Buffer.from(
      text(
        { id: "moby.buildkit.trace", aux: Buffer.from("é1").toString("base64") },
        { stream: "from the classic builder" },
        { id: "moby.image.id", aux: { ID: "sha256:ab" } },
        { errorDetail: { message: "no" }, error: "no" },
      ),
    );
    const chunks = Array.from(bytes, (_byte, index) => bytes.subarray(index, index + 1));
    const answer = await readAnswer(Readable.from(chunks, { objectMode: false }), async (trace) => {
      traces.push(String(trace));
    });
    expect(answer).toEqual({ imageId: "sha256:ab", error: "no" });
    expect(traces).toEqual(["é1"]);
  });

  it("an empty answer has neither image nor error", async () => {
    expect(await readAnswer(Readable.from([]), async () => undefined)).toEqual({
      imageId: null,
      error: null,
    });
  });

  it("a connection that breaks is an error, not an end", async () => {
    const stream = new PassThrough();
    const reading = readAnswer(stream, async () => undefined);
    stream.write(text({ stream: "x" }));
    setTimeout(() => stream.destroy(new Error("ECONNRESET")), 10);
    await expect(reading).rejects.toThrow("ECONNRESET");
  });

  it.each([
    ["no JSON", "canary-88ab\n"],
    ["no object", "7\n"],
  ])("%s is refused without being quoted", async (_name, line) => {
    const reading = readAnswer(Readable.from([line]), async () => undefined);
    const error: unknown = await reading.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "DOCKER_REFUSED" });
    expect(String(error)).not.toContain("canary");
  });
});

describe("failure", () => {
  function failedStep(): Steps {
    const steps = new Steps();
    const step = {
      kind: "step",
      step: "a",
      name: `[2/2] RUN ${"x".repeat(200)}`,
      cached: false,
      started: 1,
    } as const;
    steps.push(step);
    steps.push({ kind: "log", step: "a", stream: "stdout", lines: ["one", "two"], at: 2 });
    steps.push({ ...step, completed: 3, error: "exit code: 3" });
    return steps;
  }

  it.each([
    'failed to solve: process "/bin/sh -c exit 3" did not complete successfully: exit code: 3',
    "failed to solve with frontend dockerfile.v0: executor failed running [/bin/sh -c a\nb]: exit code: 3",
  ])("names the step and the exit code once: %s", (error) => {
    const made = failure({ error, dockerfile: "Dockerfile", step: failedStep().failed[0] });
    expect(made).toBeInstanceOf(BuildFailedError);
    expect(made).toMatchObject({ code: "BUILD_FAILED", exitCode: 7, lines: ["one", "two"] });
    expect(made.message).toMatch(/^the build failed at \[2\/2\] RUN x+…: exit code 3$/);
  });

  it("without a step it has the engine's words", () => {
    const made = failure({
      error: "failed to solve: no such stage",
      dockerfile: "D",
      step: undefined,
    });
    expect(made).toMatchObject({
      message: "the build failed: no such stage",
      step: null,
      lines: [],
    });
  });

  it.each([
    "failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 3: unknown instruction: RUM",
    "dockerfile parse error on line 3: unknown instruction: RUM",
  ])("a fault of the Dockerfile has its place: %s", (error) => {
    expect(failure({ error, dockerfile: "app/Dockerfile", step: undefined })).toMatchObject({
      code: "BUILD_DOCKERFILE",
      message: "unknown instruction: RUM",
      place: { file: "app/Dockerfile", line: 3 },
    });
  });
});
