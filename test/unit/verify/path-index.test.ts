import { describe, expect, it } from "vitest";
import { cleanPath, PathIndex } from "../../../src/verify/path-index.ts";

const indexOf = (...paths: string[]): PathIndex => {
  const index = new PathIndex();
  for (const path of paths) index.add(path, path.endsWith("/"));
  return index;
};

describe("PathIndex.hides", () => {
  it.each([
    ["a deleted file", ["app/.wh.key"], "/app/key", true],
    ["a deleted file at the top", [".wh.key"], "/key", true],
    ["a file in a deleted folder", ["app/.wh.keys"], "/app/keys/deep/key", true],
    ["a replaced file", ["./app/key"], "app/key", true],
    ["a folder that became a file", ["app/keys"], "/app/keys/key", true],
    ["a file in an emptied folder", ["app/.wh..wh..opq"], "/app/keys/key", true],
    ["everything, emptied at the top", [".wh..wh..opq"], "/app/key", true],
    ["a folder that is there again", ["app/", "app/keys/"], "/app/keys/key", false],
    ["another file deleted", ["app/.wh.key2", "app2/.wh.key"], "/app/key", false],
    ["nothing", [], "/app/key", false],
  ])("%s", (_name, paths, path, expected) => {
    expect(indexOf(...paths).hides(path)).toBe(expected);
  });

  it("of a path that never ends takes no time", () => {
    const index = indexOf("app/key");
    const began = performance.now();
    expect(index.hides("a/".repeat(500_000))).toBe(false);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  it("knows the first of more paths than it keeps", () => {
    const index = new PathIndex(1000);
    for (let i = 0; i < 5000; i++) index.add(`file${i}`, false);
    expect(index.toBytes().length).toBe(8 * 1000);
    expect([index.hides("file0"), index.hides("file4999")]).toEqual([true, false]);
  });

  it("knows each of many paths, added before and after a question", () => {
    const index = new PathIndex();
    for (let i = 0; i < 50_000; i++) {
      index.add(`dir${i % 100}/file${i}`, false);
      if (i % 10_000 === 0) expect(index.hides(`dir${i % 100}/file${i}`)).toBe(true);
    }
    for (let i = 0; i < 50_000; i += 7) expect(index.hides(`dir${i % 100}/file${i}`)).toBe(true);
    for (let i = 0; i < 50_000; i++) expect(index.hides(`dir${i % 100}/other${i}`)).toBe(false);
  });
});

describe("cleanPath", () => {
  it.each([
    ["./a/b/", "a/b"],
    ["/a//b", "a/b"],
    ["", ""],
    [".", ""],
    ["../a", "../a"],
  ])("%j is %j", (path, expected) => {
    expect(cleanPath(path)).toBe(expected);
  });
});
