import { describe, expect, it } from "vitest";

import type { BuildEvent } from "../../../src/build/events.ts";
import { RawJsonView } from "../../../src/build/raw-json.ts";

const AT = Date.UTC(2026, 10, 23, 13, 42, 46);

function printed(...events: readonly BuildEvent[]): unknown {
  const view = new RawJsonView();
  for (const event of events) view.push(event);
  const text = view.print();
  expect(text.endsWith("\n")).toBe(true);
  expect(view.end()).toBe("");
  return JSON.parse(text);
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

describe("rawjson", () => {
  it("has the members of buildx, in the same forms", () => {
    expect(
      printed(
        {
          kind: "step",
          step: "sha256:a",
          name: "RUN x",
          cached: true,
          started: AT + 541.275,
          completed: AT + 1_000,
          error: "bad",
          inputs: ["sha256:b"],
          group: { id: "g", name: "G", weak: true },
        },
        {
          kind: "status",
          step: "sha256:a",
          id: "transferring context:",
          name: "transferring",
          current: 35,
          total: 0,
          at: AT,
          started: AT,
        },
        { kind: "log", step: "sha256:a", stream: "stderr", lines: ["é", "b"], at: AT + 10 },
        {
          kind: "warning",
          step: "sha256:a",
          level: 1,
          text: "W",
          detail: ["D"],
          url: "https://x",
          line: 2,
          source: { file: "Dockerfile", text: "a\nb", lines: [{ from: 2, to: 2 }] },
        },
      ),
    ).toEqual({
      vertexes: [
        {
          digest: "sha256:a",
          inputs: ["sha256:b"],
          name: "RUN x",
          started: "2026-11-23T13:42:46.541275Z",
          completed: "2026-11-23T13:42:47Z",
          cached: true,
          error: "bad",
          progressGroup: { id: "g", name: "G", weak: true },
        },
      ],
      statuses: [
        {
          id: "transferring context:",
          vertex: "sha256:a",
          name: "transferring",
          current: 35,
          timestamp: "2026-11-23T13:42:46Z",
          started: "2026-11-23T13:42:46Z",
        },
      ],
      logs: [
        {
          vertex: "sha256:a",
          stream: 2,
          data: base64("é\nb\n"),
          timestamp: "2026-11-23T13:42:46.01Z",
        },
      ],
      warnings: [
        {
          vertex: "sha256:a",
          level: 1,
          short: base64("W"),
          detail: [base64("D")],
          url: "https://x",
          sourceInfo: { filename: "Dockerfile", data: base64("a\nb") },
          range: [{ start: { line: 2 }, end: { line: 2 } }],
        },
      ],
    });
  });

  it("leaves out what is not there", () => {
    expect(printed({ kind: "step", step: "a", name: "n", cached: false })).toEqual({
      vertexes: [{ digest: "a", name: "n" }],
    });
    expect(printed({ kind: "warning", text: "ours" })).toEqual({
      warnings: [{ short: base64("ours") }],
    });
  });

  it("prints nothing without news", () => {
    const view = new RawJsonView();
    view.push({ kind: "source", source: { file: "f", text: "", lines: [] } });
    expect([view.print(), view.end()]).toEqual(["", ""]);
  });
});
