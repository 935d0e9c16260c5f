import { describe, expect, it } from "vitest";
import { chooseFiles, listedFiles } from "../../../bench/system-files.ts";

const FILES = Array.from({ length: 1000 }, (_, at) => ({ path: `/usr/${at}`, size: 100 }));

describe("the files of a benchmark's tar", () => {
  it("reads what find lists, also names with tabs and line breaks", () => {
    expect(listedFiles("12\t/usr/a\x000\t/usr/b\tc\nd\0")).toEqual([
      { path: "/usr/a", size: 12 },
      { path: "/usr/b\tc\nd", size: 0 },
    ]);
    expect(listedFiles("")).toEqual([]);
  });

  it("takes as many as are wanted, from everywhere, and the same each time", () => {
    const { paths, copies } = chooseFiles(FILES, 50_000);
    expect(copies).toBe(1);
    expect(paths).toHaveLength(500);
    const early = paths.filter((path) => Number(path.slice("/usr/".length)) < 500);
    expect(early.length).toBeGreaterThan(200);
    expect(early.length).toBeLessThan(300);
    expect(chooseFiles(FILES, 50_000).paths).toEqual(paths);
  });

  it("takes them several times where there are too few", () => {
    const { paths, copies } = chooseFiles(FILES, 250_000);
    expect(copies).toBe(3);
    expect(paths.length * copies).toBe(2502);
  });

  it("passes over what is not wanted, and takes others for it", () => {
    const isEven = ({ path }: { readonly path: string }): boolean => /[02468]$/.test(path);
    const { paths } = chooseFiles(FILES, 20_000, isEven);
    expect(paths).toHaveLength(200);
    expect(paths.every((path) => isEven({ path }))).toBe(true);
  });

  it("says so when there are none", () => {
    expect(() => chooseFiles([], 1)).toThrow("no files");
  });
});
