import { describe, expect, it } from "vitest";

import type { EngineVersion } from "../../../src/docker/types.ts";
import { buildkitOf, featureLines } from "../../../src/doctor/features.ts";

function version(engine: string, api: string, kernel = "6.18.0"): EngineVersion {
  const machine = { os: "linux", arch: "amd64", kernel, rootless: false };
  return { ...machine, engine, api, experimental: false, builder: "2" };
}

describe("featureLines", () => {
  it.each([
    ["20.10.24+dfsg1", "1.41", ["env=", "here-documents", "single files"]],
    ["26.1.5+dfsg1", "1.45", ["env="]],
    ["28.5.2+dfsg4", "1.51", []],
  ])("IT21: engine %s says what it lacks, each with a way out", (engine, api, lacking) => {
    const lines = featureLines(version(engine, api)).filter(({ status }) => status !== "ok");
    expect(lines).toHaveLength(lacking.length);
    for (const [index, word] of lacking.entries()) expect(lines[index]?.detail).toContain(word);
    expect(lines.every(({ fix }) => fix !== undefined)).toBe(true);
  });

  it("IT21: says when BuildKit is switched off, and when the kernel has no noswap", () => {
    const off = featureLines({ ...version("28.5.2", "1.51", "5.10.0-9"), builder: "1" });
    const warned = off.filter(({ status }) => status === "warn").map(({ detail }) => detail);
    expect(warned).toHaveLength(2);
  });

  it.each([
    ["29.0.0", "0.25"],
    ["26.1.5", "0.13"],
    ["20.10.24", "0.8"],
    ["19.3.0", null],
  ])("engine %s has BuildKit %s", (engine, buildkit) => {
    expect(buildkitOf(engine)).toBe(buildkit);
  });
});
