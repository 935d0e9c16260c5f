import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { cleanPath, compilePattern } from "../../../../src/session/filesync/ignore-pattern.ts";
import { IgnoreFile } from "../../../../src/session/filesync/ignore.ts";
import {
  PatternMatcher,
  type ParentMatch,
} from "../../../../src/session/filesync/pattern-matcher.ts";

function matcherOf(text: string): PatternMatcher {
  return new PatternMatcher(new IgnoreFile(text, ".dockerignore").patterns);
}

/** As a walk does: from the top folder down, each with its parent's match. */
function ignored(patterns: string, path: string): boolean {
  const matcher = matcherOf(patterns);
  const parts = path.split("/");
  let match: ParentMatch | undefined;
  let verdict = false;
  for (const [index] of parts.entries()) {
    const step = matcher.verdict(parts.slice(0, index + 1).join("/"), match);
    match = step.match;
    verdict = step.matched;
  }
  return verdict;
}

describe("one pattern", () => {
  it.each<[string, string, boolean]>([
    ["a", "a", true],
    ["a", "ab", false],
    ["a", "x/a", false],
    ["a", "a/b/c", true],
    ["a/", "a/b", true],
    ["/a", "a", true],
    ["./a", "a", true],
    ["a/../b", "b", true],
    ["*", "a", true],
    ["*", ".a/b", true],
    ["*.log", "x.log", true],
    ["*.log", "d/x.log", false],
    ["*/*.log", "d/x.log", true],
    ["**/*.log", "x.log", true],
    ["**/*.log", "d/e/x.log", true],
    ["**/name", "name", true],
    ["**/name", "a/name", true],
    ["**/name", "a/myname", false],
    ["**name", "a/myname", true],
    ["d/**", "d/x/y", true],
    ["d/**", "d", false],
    ["d/**/x", "d/x", true],
    ["d/**/x", "d/a/b/x", true],
    ["d/**/x", "dx", false],
    ["**", "anything/at/all", true],
    ["a**", "abc", true],
    ["a**b", "axb", false],
    ["a**b", "ax/b", true],
    ["?", "a", true],
    ["?", "ab", false],
    ["?", "😀", true],
    ["a?c", "a/c", false],
    ["[a-c]x", "bx", true],
    ["[^a-c]x", "bx", false],
    ["[^a-c]x", "dx", true],
    ["[.]env", ".env", true],
    ["[.]env", "xenv", false],
    ["[a\\]]", "]", true],
    ["[a\\-c]", "b", false],
    ["\\*", "*", true],
    ["\\*", "a", false],
    ["\\!keep", "!keep", true],
    ["a\\d", "a7", true],
    ["a\\d", "ad", false],
    ["a[\\w]", "a_", true],
    ["a\\sb", "a b", true],
    ["a\\sb", "a\u00a0b", false],
    ["a\\bc", "abc", false],
    ["[[:digit:]]x", "7x", true],
    ["[[:digit:]]x", "dx", false],
    ["[[:]]", "[]", true],
    ["a.b", "axb", false],
    ["a+(b)|{c}$", "a+(b)|{c}$", true],
    ["*.{a}", "x.{a}", true],
    ["a b", "a b", true],
    ["a, b", "a, b", true],
    ["日本*", "日本語", true],
    ["  spaced  ", "spaced", true],
    ["# comment", "# comment", false],
    [" # no comment", "# no comment", true],
    ["\ufeffa", "a", true],
    ["a\r", "a", true],
    ["node_modules", "node_modules_x/a", false],
  ])("%j on %j is %s", (pattern, path, expected) => {
    expect(ignored(pattern, path)).toBe(expected);
  });
});

describe("order and exceptions", () => {
  it.each<[string, string, boolean]>([
    ["*\n!keep", "keep", false],
    ["*\n!keep", "other", true],
    ["!keep\n*", "keep", true],
    ["*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true],
    ["*.md\n!README*.md\nREADME-secret.md", "README.md", false],
    ["a\n!a/b", "a/b/c", false],
    ["a\n!a/b", "a/c", true],
    ["a\n!a/b\na/b/c", "a/b/c", true],
    ["**/*.key\n!pub/**", "pub/x/y.key", false],
    ["a\n! b", "b", false],
    ["\n\n  \na", "a", true],
  ])("%j on %j is %s", (patterns, path, expected) => {
    expect(ignored(patterns, path)).toBe(expected);
  });

  it("enters an ignored folder only where an exception may lie", () => {
    const mayHold = (text: string, folder: string): boolean =>
      matcherOf(text).mayMatchBelow(folder, "exception");
    const plain = "a\n!a/b/c";
    expect(["a", "a/b"].map((folder) => mayHold(plain, folder))).toEqual([true, true]);
    expect(["a/x", "z"].map((folder) => mayHold(plain, folder))).toEqual([false, false]);
    expect(mayHold("a\n!a/b/**", "z")).toBe(false);
    expect(mayHold("a\n!**/b", "z")).toBe(true);
    expect(mayHold("a", "a")).toBe(false);
  });
});

describe("malformed patterns", () => {
  it.each(["a[", "[", "[]", "[]a]", "[a", "[a-", "[-a]", "a\\", "!", "\\q", "\\é", "[[:no:]]"])(
    "%j is an error that names file and line",
    (pattern) => {
      expect(() => new IgnoreFile(`ok\n${pattern}\n`, ".dockerignore")).toThrow(
        expect.objectContaining({
          code: "BUILD_CONTEXT",
          place: { file: ".dockerignore", line: 2 },
        }),
      );
    },
  );
});

describe("many patterns", () => {
  it("3,000 of them: all of them count", () => {
    const patterns = Array.from({ length: 3_000 }, (_none, index) =>
      index % 3 === 0 ? `**/*.x${index}` : `folder${index}/file`,
    );
    const matcher = matcherOf(patterns.join("\n"));
    expect(matcher.verdict("src/module/file.ts").matched).toBe(false);
    expect(matcher.verdict("a/b.x2997").matched).toBe(true);
    expect(matcher.verdict("folder2999/file").matched).toBe(true);
    expect(matcher.verdict("folder3000/file").matched).toBe(false);
  });
});

describe("properties", () => {
  const name = fc.stringMatching(/^[a-z.+$(){}^|-]{1,6}$/);

  it("a name without wildcards ignores itself and what is in it, nothing else", () => {
    fc.assert(
      fc.property(name, name, (a, b) => {
        fc.pre(![".", ".."].includes(a) && ![".", ".."].includes(b));
        expect(ignored(a, a)).toBe(true);
        expect(ignored(a, `${a}/${b}`)).toBe(true);
        expect(ignored(a, b)).toBe(a === b);
      }),
    );
  });

  it("an escaped name means the name", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z*?[\]!-]{1,6}$/), (text) => {
        const escaped = text.replace(/[^a-z]/g, (character) => `\\${character}`);
        expect(compilePattern(escaped)?.test(text)).toBe(true);
        expect(compilePattern(escaped)?.test(`${text}x`)).toBe(false);
      }),
    );
  });

  it("no pattern breaks the matcher", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a*?[\]\\^!/.-]{1,12}$/), name, (pattern, path) => {
        const compiled = compilePattern(cleanPath(pattern));
        if (compiled !== null) expect(typeof compiled.test(path)).toBe("boolean");
      }),
    );
  });
});

describe("cleanPath", () => {
  it.each([
    ["a//b/", "a/b"],
    ["./a/./b", "a/b"],
    ["a/../../b", "../b"],
    ["/../a", "/a"],
    ["", "."],
    [".", "."],
    ["/", "/"],
    ["a/..", "."],
  ])("%j is %j", (path, clean) => {
    expect(cleanPath(path)).toBe(clean);
  });
});
