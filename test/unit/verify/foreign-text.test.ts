import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { wipeNeedles } from "../../../src/needles/needle.ts";
import { NeedleTable } from "../../../src/needles/table.ts";
import { needlesOf } from "../../../src/needles/variants.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { ForeignText } from "../../../src/verify/foreign-text.ts";
import { cleanPath } from "../../../src/verify/path-index.ts";
import { unprovedOf } from "../../../src/verify/pairs.ts";
import { ociArchive, tar, verifyBytes } from "./archives.ts";

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

function foreignText(...values: readonly (string | Buffer)[]): ForeignText {
  const secrets = values.map((value) => Secret.take("S", Buffer.from(value)));
  const needles = secrets.flatMap((secret) => needlesOf(secret));
  const table = new NeedleTable(needles);
  const text = new ForeignText({ secrets, unproved: unprovedOf(secrets), table });
  open.push(() => {
    text[Symbol.dispose]();
    table.wipe();
    wipeNeedles(needles);
  });
  return text;
}

/** Latin-1, as many an old password is: no UTF-8. */
const LATIN = Buffer.from("Gr\u00fc\u00dfe-an-alle-77", "latin1");
const URL_VALUE = "https://anna:k7-Vq2-xw9@host.example/a/./b";
/** Its base64 has two slashes next to each other. */
const SLASHES = Buffer.from("k7q\u00ff\u00ff2xw9Zt4", "latin1");

describe("foreign text in a report", () => {
  it.each([
    ["a value", "k7Vq2xw9Zt4m", "/a/k7Vq2xw9Zt4m.txt", "/a/***.txt"],
    ["bytes that are no UTF-8", LATIN, `/a/${LATIN.toString()}/b`, "/a/***/b"],
    ["a path without its empty parts", URL_VALUE, cleanPath(`/a/${URL_VALUE}`), "a/***"],
    ["a short value under its name", "472", "RUN |1 S=472 make", "RUN |1 S=*** make"],
    ["no part of a longer number", "472", "S=4721", "S=4721"],
    [
      "one value in another, and beside it",
      "k7Vq2xw9Zt4m",
      "k7Vq2xw9Zt4mk7Vq2xw9Zt4m-k7Vq",
      "******-k7Vq",
    ],
    ["lines and tabs", "k7Vq2xw9Zt4m", "a\n\tb\r\u001b[m", "a\\x0a\\x09b\\x0d\\x1b[m"],
  ])("%s", (_, value, foreign, shown) => {
    expect(foreignText(value).line(foreign)).toBe(shown);
  });

  it("base64 in a path, whose empty parts are left out", () => {
    const base64 = SLASHES.toString("base64");
    expect(base64).toContain("//");
    expect(foreignText(SLASHES).line(cleanPath(`a/${base64}/b`))).toBe("a/***/b");
  });

  it.each([11, 33, 60, 100])("base64 in lines of %i", (width) => {
    const value = "a value of many letters, k7Vq2xw9Zt4m, that is long enough to be broken twice";
    const text = Buffer.from(value).toString("base64");
    const broken = text.replaceAll(new RegExp(`.{${width}}`, "gu"), "$&\n");
    const shown = foreignText(value).lines(`RUN <<X\n${broken}\nX`);
    const left = shown.split("\n").filter((line) => line.length > 3 && text.includes(line));
    // lines of fewer than 32 characters may be missed: docs/verify.md
    expect(left.length === 0 || width < 32).toBe(true);
  });

  it("an instruction keeps its lines", () => {
    expect(foreignText("k7Vq2xw9Zt4m").lines("a\n\tb\u001b")).toBe("a\n\tb\\x1b");
  });

  it("a digest is shown as it is, what calls itself one is not", () => {
    const text = foreignText("beef", "k7Vq2xw9Zt4m");
    const digest = `sha256:${"beef".repeat(16)}`;
    expect(text.digest(digest)).toBe(digest);
    expect(text.digest("sha256:k7Vq2xw9Zt4m")).toBe("sha256:***");
  });

  it("is cut in the middle, after it was masked", () => {
    const text = foreignText("k7Vq2xw9Zt4m");
    const long = `${"x".repeat(3064)}k7Vq2xw9Zt4m${"y".repeat(9000)}/end`;
    const shown = text.line(long);
    expect(shown).toHaveLength(4096);
    expect(shown).toMatch(/^x+\*{3}y+…y+\/end$/u);
    expect(text.line("x".repeat(4096))).toBe("x".repeat(4096));
    expect(text.line("\u{1f600}".repeat(3000)).isWellFormed()).toBe(true);
  });

  it("keeps a report small, whatever an image says of itself", async () => {
    const value = "foreign-canary-58";
    const files = Array.from({ length: 120 }, (_, i) => [`${"d/".repeat(2000)}${i}`, value]);
    const layer = await tar(Object.fromEntries(files) as Readonly<Record<string, string>>);
    const history = [{ created_by: `RUN ${"x".repeat(3_000_000)}` }];
    const archive = await ociArchive({ layers: [gzipSync(layer)], history });
    const report = await verifyBytes(archive, { KEY: value });
    expect(report.findings).toHaveLength(100);
    expect(JSON.stringify(report).length).toBeLessThan(100 * 9000);
  });
});
