import { describe, expect, it } from "vitest";

import { isFor, parsePlatform } from "../../../src/docker/platform.ts";
import type { ImageInspect } from "../../../src/docker/types.ts";

const ENGINE = { os: "linux", arch: "amd64" };

function shown(text: string): string | null {
  const platform = parsePlatform(text, ENGINE);
  if (platform === null) return null;
  return [platform.os, platform.architecture, platform.variant].join("|");
}

describe("parsePlatform", () => {
  it.each([
    ["linux/amd64", "linux|amd64|"],
    ["linux/arm64/v8", "linux|arm64|"],
    ["linux/arm/v7", "linux|arm|v7"],
    ["linux/arm/7", "linux|arm|v7"],
    ["Linux/X86_64", "linux|amd64|"],
    ["linux/aarch64", "linux|arm64|"],
    ["linux/armhf", "linux|arm|v7"],
    ["windows", "windows|amd64|"],
    ["arm64", "linux|arm64|"],
  ])("%s", (text, expected) => {
    expect(shown(text)).toBe(expected);
  });

  it.each(["", "/", "linux/", "linux//v8", "a/b/c/d", "linux/am d64", "linux/arm64\n"])(
    "%j is none",
    (text) => {
      expect(shown(text)).toBeNull();
    },
  );
});

it.each([
  ["linux/amd64", { Os: "linux", Architecture: "amd64" }, true],
  ["linux/arm64", { Os: "linux", Architecture: "arm64", Variant: "v8" }, true],
  ["linux/arm64", { Os: "linux", Architecture: "amd64" }, false],
  ["windows/amd64", { Os: "linux", Architecture: "amd64" }, false],
  ["linux/arm/v7", { Os: "linux", Architecture: "arm", Variant: "v6" }, false],
  ["linux/arm/v7", { Os: "linux", Architecture: "arm", Variant: "" }, true],
  ["linux/arm", { Os: "linux", Architecture: "arm", Variant: "v6" }, true],
])("%s and an image for %o", (text, image, expected) => {
  const wanted = parsePlatform(text, ENGINE);
  if (wanted === null) throw new Error("no platform");
  expect(isFor({ Id: "", Size: 0, ...image } satisfies ImageInspect, wanted)).toBe(expected);
});
