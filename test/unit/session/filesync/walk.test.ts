import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";

import fc from "fast-check";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { Filter, type FilterPatterns } from "../../../../src/session/filesync/filter.ts";
import { followLinks } from "../../../../src/session/filesync/follow-links.ts";
import { PatternMatcher } from "../../../../src/session/filesync/pattern-matcher.ts";
import { sortByBytes, Walker, type Entry } from "../../../../src/session/filesync/walk.ts";
import { makeWorld, type World } from "../../../support/temp.ts";

let world: World;
beforeEach(async () => {
  world = await makeWorld();
  onTestFinished(async () => world[Symbol.asyncDispose]());
});

function entries(patterns: FilterPatterns = {}, only?: readonly string[]): Entry[] {
  const filter = new Filter(world.cwd, patterns, only);
  const walker = new Walker({ root: world.cwd, filter });
  const all: Entry[] = [];
  for (let entry = walker.next(); entry !== null; entry = walker.next()) all.push(entry);
  return all;
}

function paths(patterns: FilterPatterns = {}, only?: readonly string[]): string[] {
  return entries(patterns, only).map(({ stat }) => stat.path);
}

async function files(...names: readonly string[]): Promise<void> {
  for (const name of names) await world.write(name, name);
}

describe("order", () => {
  it("names by UTF-8 bytes, a folder's content right after it", async () => {
    await files("a/z", "a-b", "a.txt", "😀", "～", "Z", "é");
    expect(paths()).toEqual(["Z", "a", "a/z", "a-b", "a.txt", "é", "～", "😀"]);
  });

  it("sorts as bytes do, whatever the names", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), (names) => {
        const wanted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(sortByBytes(names)).toEqual(wanted);
      }),
    );
  });
});

describe("what is sent", () => {
  it.each<[string, FilterPatterns, string[]]>([
    ["nothing asked", {}, ["a", "a/b", "a/b/c", "a/x", "d", "e.log"]],
    ["empty lists", { excludes: [], includes: [], followPaths: [] }, paths0],
    ["excludes", { excludes: ["a", "*.log"] }, ["d"]],
    ["parents of exceptions", { excludes: ["a", "!a/b/c"] }, ["a", "a/b", "a/b/c", "d", "e.log"]],
    ["an exception anywhere", { excludes: ["*", "!**/c"] }, ["a", "a/b", "a/b/c"]],
    ["includes", { includes: ["a/b"] }, ["a", "a/b", "a/b/c"]],
    ["an include anywhere", { includes: ["**/c"] }, ["a", "a/b", "a/b/c"]],
    // fsutil cuts two wildcards off the end and then takes the rest for the only way in
    ["an include of fsutil's own", { includes: ["a/*/**"] }, []],
    ["includes with !", { includes: ["a", "!a/b"] }, ["a", "a/x"]],
    ["includes and excludes", { includes: ["a"], excludes: ["a/b"] }, ["a", "a/x"]],
    ["followed", { followPaths: ["a/x"] }, ["a", "a/x"]],
    ["followed wildcard", { followPaths: ["*.log"] }, ["e.log"]],
    ["followed and excluded", { followPaths: ["a"], excludes: ["**/c"] }, ["a", "a/b", "a/x"]],
    ["the whole folder", { followPaths: ["."], includes: undefined }, paths0],
    ["what is not there", { followPaths: ["no"] }, []],
  ])("%s", async (_name, patterns, expected) => {
    await files("a/b/c", "a/x", "d", "e.log");
    expect(paths(patterns)).toEqual(expected);
  });

  it("only what its owner allows, whatever is asked", async () => {
    await files("a/b/c", "a/x", "[d]", "e");
    symlinkSync("a/x", join(world.cwd, "link"));
    expect(paths({}, ["a/b"])).toEqual(["a", "a/b", "a/b/c"]);
    expect(paths({ includes: ["e"] }, ["a"])).toEqual([]);
    expect(paths({ followPaths: ["link", "e"] }, ["link"])).toEqual(["a", "a/x", "link"]);
    expect(paths({}, ["[d]"])).toEqual(["[d]"]);
    expect(paths({}, [])).toEqual([]);
  });
});

const paths0 = ["a", "a/b", "a/b/c", "a/x", "d", "e.log"];

describe("kinds of entries", () => {
  it("hard links name the first path that is sent", async () => {
    await files("a", "z");
    for (const name of ["b", "c"]) linkSync(join(world.cwd, "a"), join(world.cwd, name));
    const links = (patterns: FilterPatterns): (readonly [string, string, number])[] =>
      entries(patterns).map(({ stat }) => [stat.path, stat.link, stat.size]);
    expect(links({})).toEqual([
      ["a", "", 1],
      ["b", "a", 1],
      ["c", "a", 1],
      ["z", "", 1],
    ]);
    expect(links({ excludes: ["a"] })).toEqual([
      ["b", "", 1],
      ["c", "b", 1],
      ["z", "", 1],
    ]);
  });

  it("links as they are, pipes by their kind, sockets as empty files, times to the nanosecond", async () => {
    const at = (name: string): string => join(world.cwd, name);
    symlinkSync("../out/😀", at("link"));
    execFileSync("mkfifo", [at("pipe")]);
    const server = createServer().listen(at("socket"));
    onTestFinished(() => void server.close());
    await files("time");
    execFileSync("touch", ["-d", "2001-02-03T04:05:06.123456789Z", at("time")]);
    const [link, pipe, socket, time] = entries();
    expect(link).toMatchObject({
      content: null,
      stat: { link: "../out/😀", mode: 2 ** 27 + 0o777 },
    });
    expect(pipe).toMatchObject({ content: null, stat: { mode: 2 ** 25 + 0o644 } });
    expect(socket?.content).toHaveLength(0);
    expect(socket?.stat.mode).toBeLessThan(2 ** 20);
    expect(time).toMatchObject({ content: "file", stat: { mtimeNs: 981173106123456789n } });
  });

  it("a name that is not UTF-8 is refused, unless it is ignored", async () => {
    const odd = Buffer.concat([Buffer.from(join(world.cwd, "x")), Buffer.from([0xff, 0x2e, 0x61])]);
    writeFileSync(odd, "");
    await files("y\ufffd");
    expect(() => paths()).toThrow(/^a file name is not UTF-8: x\ufffd\.a$/);
    expect(paths({ excludes: ["*.a"] })).toEqual(["y\ufffd"]);
    expect(paths({ excludes: ["x?.a", "!no/**/z"] })).toEqual(["y\ufffd"]);
  });

  it("a link's target that is not UTF-8 is refused", () => {
    symlinkSync(Buffer.from([0x61, 0xff]), join(world.cwd, "link"));
    expect(() => paths()).toThrow(/^a link target is not UTF-8: link$/);
  });

  it("an error shows no control characters", () => {
    const odd = Buffer.concat([Buffer.from(join(world.cwd, "a\u001b[2J")), Buffer.from([0xff])]);
    writeFileSync(odd, "");
    expect(() => paths()).toThrow("a\\u{1b}[2J");
  });
});

describe("followed paths", () => {
  it.each<[string[], string[] | null]>([
    [["file"], ["file"]],
    [["/file"], ["file"]],
    [["no/such"], ["no/such"]],
    [["link"], ["link", "target/x"]],
    [
      ["link", "target"],
      ["link", "target"],
    ],
    [["folder-link/x"], ["folder-link", "target/x"]],
    [["absolute"], ["absolute", "target/x"]],
    [["climbing"], ["climbing", "target/x"]],
    [["chain"], ["chain", "link", "target/x"]],
    [["loop-a"], ["loop-a", "loop-b"]],
    [["l*k"], ["l*k", "target/x"]],
    [["ta*/x"], ["ta*/x"]],
    [["[l]ink"], ["[l]ink", "target/x"]],
    [["[^a-k]ink"], ["[^a-k]ink", "target/x"]],
    [["lin?"], ["lin?", "target/x"]],
    [["\\link"], ["\\link"]],
    [["[bad"], ["[bad"]],
    [["../out"], ["../out"]],
    [["."], null],
    [["a/.."], null],
    [["to-root"], null],
    [["", "file"], null],
  ])("%j is %j", async (asked, expected) => {
    await files("file", "target/x");
    for (const [name, target] of [
      ["link", "target/x"],
      ["folder-link", "target"],
      ["absolute", "/target/x"],
      ["climbing", "../../target/x"],
      ["chain", "link"],
      ["loop-a", "loop-b"],
      ["loop-b", "loop-a"],
      ["to-root", "/"],
    ] as const) {
      symlinkSync(target, join(world.cwd, name));
    }
    expect(followLinks(world.cwd, asked)).toEqual(expected);
  });
});

/** Upstream's algorithm, word by word: one pattern after the other, and one flag for each. */
function plainVerdict(patterns: readonly string[], path: string): boolean {
  const single = patterns.map((pattern) => ({
    exception: pattern.startsWith("!"),
    matcher: new PatternMatcher([pattern.replace(/^!/, "")]),
  }));
  let parent: boolean[] = [];
  let matched = false;
  const parts = path.split("/");
  for (const [index] of parts.entries()) {
    const part = parts.slice(0, index + 1).join("/");
    const flags: boolean[] = [];
    matched = false;
    for (const [at, { exception, matcher }] of single.entries()) {
      let hit = parent[at] ?? false;
      if (!hit && exception !== matched) {
        flags.push(false);
        continue;
      }
      hit ||= matcher.verdict(part).matched;
      flags.push(hit);
      if (hit) matched = !exception;
    }
    parent = flags;
  }
  return matched;
}

describe("lists of patterns", () => {
  const part = fc.constantFrom("a", "b", "c", "*", "**", "?", "[ab]");
  const body = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  const pattern = fc
    .tuple(fc.boolean(), body)
    .map(([not, text]) => (not ? `!${text}` : text))
    .filter((text) => !text.endsWith("/*/**"));
  const path = fc
    .array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join("/"));

  it("joined runs decide as upstream does pattern by pattern", () => {
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 8 }), path, (patterns, given) => {
        const matcher = new PatternMatcher(patterns);
        let verdict = matcher.verdict("");
        const parts = given.split("/");
        for (const [index] of parts.entries()) {
          const parent = index === 0 ? undefined : verdict.match;
          verdict = matcher.verdict(parts.slice(0, index + 1).join("/"), parent);
        }
        expect(verdict.matched).toBe(plainVerdict(patterns, given));
      }),
      { numRuns: 2_000 },
    );
  });

  it("a walk gives what the patterns leave, and the folders above it", () => {
    const tree = ["a/b/c", "a/b/d", "a/c", "b/a/b", "b/c/d/a", "c", "d/a"];
    for (const name of tree) {
      mkdirSync(dirname(join(world.cwd, name)), { recursive: true });
      writeFileSync(join(world.cwd, name), "");
    }
    const everything = paths();
    const list = fc.array(pattern, { maxLength: 5 });
    fc.assert(
      fc.property(list, list, (excludes, includes) => {
        const kept = everything.filter(
          (one) =>
            !plainVerdict(excludes, one) && (includes.length === 0 || plainVerdict(includes, one)),
        );
        const wanted = everything.filter((one) =>
          kept.some((other) => other === one || other.startsWith(`${one}/`)),
        );
        expect(paths({ excludes, includes })).toEqual(wanted);
      }),
      { numRuns: 500 },
    );
  });

  it.each(["!", "[a", "\\"])("%j is refused", (text) => {
    expect(() => paths({ excludes: ["ok", text] })).toThrow("malformed exclude pattern");
    expect(() => paths({ includes: [text] })).toThrow("malformed include pattern");
  });
});
