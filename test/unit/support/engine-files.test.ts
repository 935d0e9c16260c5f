import { access } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { VARIANTS } from "../../engine/engine.ts";
import { leftOut, ON_ONE, ON_TWO } from "../../engine/files.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");

describe("the files that do not run on every engine", () => {
  it("are there, each in one list", async () => {
    const files = [...Object.keys(ON_ONE), ...Object.keys(ON_TWO)];
    expect(new Set(files).size).toBe(files.length);
    for (const file of files) await access(join(ROOT, "test", "e2e", file));
  });

  it.each([
    [ON_ONE, 1],
    [ON_TWO, 2],
  ])("run on as many as said: %#", (list, count) => {
    for (const file of Object.keys(list)) {
      const on = VARIANTS.filter((one) => !leftOut(one, VARIANTS).includes(`test/e2e/${file}`));
      expect(on).toHaveLength(count);
    }
  });

  it("run all where there is one engine only", () => {
    for (const variant of [...VARIANTS, "found"]) expect(leftOut(variant, [variant])).toEqual([]);
  });

  it("never are those that the promises of all engines stand on", () => {
    const everywhere =
      /^(?:leak-table|run-files|run-hidden|run-apart|live.*|agent|deliver|launch)\./;
    const files = [...Object.keys(ON_ONE), ...Object.keys(ON_TWO)];
    expect(files.filter((file) => everywhere.test(file))).toEqual([]);
  });
});
