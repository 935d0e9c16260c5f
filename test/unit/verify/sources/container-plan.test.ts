import { describe, expect, it } from "vitest";
import type { FileChange } from "../../../../src/docker/container-files.ts";
import { planChanges, wantedName } from "../../../../src/verify/sources/container-plan.ts";

/** `A /a` is added, `C /c` modified, `D /d` deleted, as docker diff prints them. */
const changes = (...lines: string[]): FileChange[] =>
  lines.map((line) => {
    const kinds = { A: "added", C: "modified", D: "deleted" } as const;
    return { kind: kinds[line[0] as "A" | "C" | "D"], path: line.slice(2) };
  });

interface Planned {
  readonly whole?: string[];
  readonly modified?: string[];
  readonly names?: string[];
}

describe("what to fetch of a container", () => {
  it.each<[string, string[], string[], Planned]>([
    ["nothing", [], [], {}],
    ["a new folder comes with all in it", ["A /a", "A /a/b", "A /a/b/c"], [], { whole: ["/a"] }],
    ["in any order", ["A /a/b/c", "A /a/b", "A /a"], [], { whole: ["/a"] }],
    [
      "new files in old folders come alone",
      ["C /etc", "A /etc/x", "C /etc/group"],
      [],
      { whole: ["/etc/x"], modified: ["/etc/group"] },
    ],
    ["a name that begins like another", ["A /a", "A /a-b"], [], { whole: ["/a", "/a-b"] }],
    [
      "of what is gone, the name is left",
      ["C /etc", "D /etc/passwd", "C /bin"],
      [],
      { names: ["/etc/passwd"], modified: ["/bin"] },
    ],
    [
      "volumes, and folders above them, are not fetched",
      ["A /data", "A /data/vol", "A /data/own", "A /new"],
      ["/data/vol"],
      { whole: ["/data/own", "/new"], names: ["/data", "/data/vol"] },
    ],
    [
      "nor what lies below a mount, which hides it",
      ["A /data", "A /data/hidden", "C /data/changed"],
      ["/data"],
      { names: ["/data", "/data/changed", "/data/hidden"] },
    ],
  ])("%s", (_name, given, mounts, { whole = [], modified = [], names = [] }) => {
    const plan = planChanges(changes(...given), mounts);
    const { wanted: _wanted, ...rest } = plan;
    expect(rest).toEqual({ whole, modified, names, hasOddNames: false });
  });

  it("knows names that are no UTF-8 again, however many bytes of them were replaced", () => {
    const plan = planChanges(changes("C /etc", "A /etc/a\uFFFD\uFFFDb"), []);
    expect(plan.hasOddNames).toBe(true);
    expect(plan.wanted.has(wantedName("etc/a\uFFFDb"))).toBe(true);
    expect(plan.wanted.has(wantedName("etc/ab"))).toBe(false);
  });

  it("wants the bytes of every path that is the container's own", () => {
    const given = changes(
      "C /etc",
      "A /etc/x",
      "D /etc/y",
      "A /data",
      "A /data/vol",
      "A /data/own",
    );
    expect([...planChanges(given, ["/data/vol"]).wanted].toSorted()).toEqual([
      "data",
      "data/own",
      "etc",
      "etc/x",
    ]);
  });
});
