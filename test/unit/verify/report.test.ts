import { describe, expect, it } from "vitest";
import { SealmountError } from "../../../src/errors.ts";
import { assertClean } from "../../../src/verify/assert-clean.ts";
import { verdictOf } from "../../../src/verify/model.ts";
import type { VerifyReport } from "../../../src/verify/model.ts";
import { renderReport, reportJson, summaryOf } from "../../../src/verify/report.ts";
import {
  CLEAN,
  digest,
  INCOMPLETE,
  LAYER,
  LEAKY,
  ON_NOTHING,
  UNPACKED,
  UNPROVED,
} from "./reports.ts";

function errorOf(report: VerifyReport, strict = false): SealmountError | undefined {
  try {
    assertClean(report, { strict });
    return undefined;
  } catch (error) {
    if (error instanceof SealmountError) return error;
    throw error;
  }
}

describe("renderReport", () => {
  it("a clean image", () => {
    expect(renderReport(CLEAN)).toEqual([
      "layer 1/2  sha256:aaaaaaaaaaaa  4.2 MB, 400 files  nothing found  ADD rootfs",
      "layer 2/2  sha256:bbbbbbbbbbbb  12.3 kB, 3 files  nothing found  RUN make && make install",
      "cats:1: clean; searched 2 layers, 403 files, 4.2 MB for 24 forms of 2 secrets",
      `  config: ${digest("c")}`,
      "  note: a limit",
    ]);
  });

  it("IT12: leaks by secret, with layer, path, instruction and how to mend them", () => {
    expect(renderReport(LEAKY).slice(1, -2)).toEqual([
      "layer 2/2  sha256:bbbbbbbbbbbb  12.3 kB, 3 files  LEAK (1)  RUN make && make install",
      "leak: prod/API_KEY in 1 place",
      "  /app/.npmrc in layer 2 (sha256:bbbbbbbbbbbb), deleted by a later layer: raw, base64 at byte 19, 2 times",
      "    made by: COPY . .",
      "  mend: change prod/API_KEY at its issuer and seal the new value: sealmount set",
      "  mend: mount the secret with RUN --mount=type=secret,id=… and write it to no file: deleting it in a later layer does not help",
      "leak: build/npm-token in 1 place",
      "  env NPM_TOKEN: raw at byte 10",
      "  mend: change build/npm-token at its issuer and seal the new value: sealmount set",
      "  mend: take it out of ENV, LABEL or CMD and give it when the container starts: sealmount run",
      "cats:1: LEAK, 2 places; searched 2 layers, 403 files, 4.2 MB for 24 forms of 2 secrets",
    ]);
  });

  it("RI18: what can't be proved, and what was not read", () => {
    const lines = renderReport(INCOMPLETE).slice(2, -2);
    expect(lines).toEqual([
      "unproved: prod/PIN: too short: such bytes occur by accident",
      "unproved: prod/FLAG: a common word or pattern: it occurs in ordinary files",
      `not read: ${digest("d")}: missing from the archive`,
      "not here: linux/arm64",
      "cats:1: NOT PROVED, parts could not be read; searched 2 layers, 403 files, 4.2 MB for 24 forms of 0 secrets",
    ]);
    expect(summaryOf(UNPROVED)).toContain("clean of all but 2 that can't be proved");
  });

  it("RI18: a search for nothing is not called clean", () => {
    const lines = renderReport(ON_NOTHING);
    expect(lines).toContain("unproved: *: there was no secret to look for");
    expect(summaryOf(ON_NOTHING)).toBe(
      "cats:1: NOT PROVED, there was no secret to look for; searched 2 layers, 403 files, 4.2 MB for 0 forms of 0 secrets",
    );
  });

  it("RI18: secrets that were not opened are named, and not counted among the others", () => {
    const unproved = [...UNPROVED.unproved, { secret: "dev/*", reason: "not-opened" as const }];
    const report = { ...UNPROVED, secrets: 3, unproved };
    expect(renderReport(report)).toContain("unproved: dev/*: not looked for: its key is not here");
    expect(summaryOf(report)).toMatch(
      /: clean of all but 3 that can't be proved; .* of 1 secret$/u,
    );
  });

  it("RI18: files that were not unpacked, and how many were", () => {
    expect(renderReport(UNPACKED).slice(2, -2)).toEqual([
      "not unpacked: /a.7z in layer 2 (sha256:bbbbbbbbbbbb): an unknown kind: 7z",
      "not unpacked: /b.zip!/c in layer 2 (sha256:bbbbbbbbbbbb): encrypted",
      "not unpacked: 1 more",
      "cats:1: clean of all but 3 files not unpacked; searched 2 layers, 403 files, 4.2 MB, 4 members unpacked to 1.5 MB for 24 forms of 2 secrets",
    ]);
  });

  it("which layers an earlier verdict vouches for, the way to the bytes, and a source that is a part", () => {
    const layers = CLEAN.layers.map((layer) => ({ ...layer, cached: true }) as const);
    const skipped = [{ name: "content", reason: "no content store" }] as const;
    const route = { name: "folders", skipped } as const;
    const lines = renderReport({ ...CLEAN, layers, route, partial: "its merged files" });
    expect(lines[0]).toContain("  nothing found before  ADD rootfs");
    expect(lines[2]).toMatch(
      /^cats:1: clean in its merged files, no more; searched 2 layers \(2 by an earlier verdict\), /u,
    );
    expect(lines[4]).toBe("  read by: folders (content: no content store)");
  });

  it("speaks of no layers where files are all there is", () => {
    const summary = summaryOf({ ...CLEAN, layers: [], partial: "its merged files" });
    expect(summary).toMatch(/^cats:1: clean in its merged files, no more; searched 403 files, /u);
  });

  it("counts the layers of each platform for itself, and names an entry of the history once", () => {
    const layers = ["linux/amd64", "linux/arm64"].flatMap((platform) =>
      CLEAN.layers.map((layer) => ({ ...layer, platform })),
    );
    const history = { secret: "S", encoding: "raw", where: "history", path: "history[3]" } as const;
    const findings = [{ ...history, offset: 0, count: 1 }];
    const lines = renderReport({ ...CLEAN, layers, findings });
    expect(lines[3]).toMatch(/^layer 2\/2 {2}sha256:bbbbbbbbbbbb {2}linux\/arm64 /u);
    expect(lines[5]).toBe("  history[3]: raw at byte 0");
  });

  it("stays short: 20 places of a secret, 10 files that were not unpacked", () => {
    const places = Array.from({ length: 33 }, (_, i) => ({ ...LEAKY.findings[1], path: `V${i}` }));
    const findings = places as unknown as VerifyReport["findings"];
    const unseenMembers = Array.from({ length: 20 }, (_, i) => ({ path: `/${i}`, reason: "x" }));
    const members = { count: 0, bytes: 0, unseen: 50 };
    const lines = renderReport({ ...CLEAN, findings, unseenMembers, members });
    expect(lines.filter((line) => line.startsWith("  env V"))).toHaveLength(20);
    expect(lines).toContain("  and 13 more: --json lists them");
    expect(lines.filter((line) => line.startsWith("not unpacked: /"))).toHaveLength(10);
    expect(lines).toContain("not unpacked: 40 more");
    expect(lines.filter((line) => line.startsWith("  mend:"))).toHaveLength(2);
  });

  it("shortens a long instruction, and escapes the name of the image", () => {
    const layers = [{ ...LAYER, digest: digest("a"), createdBy: "x".repeat(99) }];
    const lines = renderReport({ ...CLEAN, image: "a\u001b[2J", layers, omitted: 3 });
    expect(lines[0]).toMatch(/ {2}x{59}…$/u);
    expect(lines[1]).toBe("leak: 3 more occurrences in places not listed");
    expect(lines[2]).toMatch(/^a\\x1b\[2J: clean/u);
  });

  it.each([
    [LEAKY, "\u001b[1;31mLEAK, 2 places\u001b[0m"],
    [UNPROVED, "\u001b[33munproved:\u001b[0m prod/PIN"],
    [CLEAN, "\u001b[32mclean\u001b[0m"],
  ])("has colours when asked for, and no escape else", (report, colored) => {
    expect(renderReport(report, { color: true }).join("\n")).toContain(colored);
    expect(renderReport(report).join("\n")).not.toContain("\u001b");
  });
});

describe("reportJson", () => {
  it.each([
    ["clean", CLEAN],
    ["leak", LEAKY],
    ["leak", { ...LEAKY, unseen: INCOMPLETE.unseen }],
    ["unproved", UNPROVED],
    ["unproved", UNPACKED],
    ["incomplete", INCOMPLETE],
  ] as const)("%s", (verdict, report) => {
    expect(verdictOf(report)).toBe(verdict);
    expect(reportJson(report)).toEqual({ verdict, ...report });
  });
});

describe("assertClean", () => {
  it("passes a clean report", () => {
    expect(errorOf(CLEAN, true)).toBeUndefined();
  });

  it("IT12: a leak is exit 8 and names secret, layer and path", () => {
    const error = errorOf(LEAKY);
    expect(error).toMatchObject({ code: "LEAK_FOUND", exitCode: 8 });
    expect(error?.message).toBe(
      `cats:1 holds prod/API_KEY and 1 more: 2 places, first /app/.npmrc in layer 2 (${digest("b")}), deleted by a later layer`,
    );
    expect(error?.hint).toContain("change prod/API_KEY, build/npm-token at its issuer");
  });

  it("a leak in an image that was not read completely says both", () => {
    const error = errorOf({ ...LEAKY, unseen: INCOMPLETE.unseen });
    expect(error).toMatchObject({ code: "LEAK_FOUND" });
    expect(error?.message).toContain("could not be read completely");
  });

  it("RI18: parts that were not read fail, also without strict", () => {
    expect(errorOf(INCOMPLETE)).toMatchObject({ code: "IMAGE_UNREADABLE", exitCode: 6 });
  });

  it("RI18: secrets that can't be proved fail with strict", () => {
    expect(errorOf(UNPROVED)).toBeUndefined();
    expect(errorOf(UNPROVED, true)).toMatchObject({ code: "UNPROVED", exitCode: 9 });
  });

  it("RI18: files that were not unpacked fail with strict, and the first is named", () => {
    expect(errorOf(UNPACKED)).toBeUndefined();
    expect(errorOf(UNPACKED, true)).toMatchObject({
      code: "UNPROVED",
      exitCode: 9,
      message:
        "cats:1: can't be proved: 3 files not unpacked, first /a.7z in layer 2 (sha256:bbbbbbbbbbbb): an unknown kind: 7z",
    });
  });

  it.each([
    [ON_NOTHING, "* (there was no secret to look for)", "see that this is the right manifest"],
    [
      { ...CLEAN, unproved: [{ secret: "dev/*", reason: "not-opened" as const }] },
      "dev/* (not looked for: its key is not here)",
      "give its key, name environments with --env",
    ],
  ])(
    "RI18: what was not looked for fails with strict, and how to mend it",
    (report, what, hint) => {
      expect(verdictOf(report)).toBe("unproved");
      expect(errorOf(report)).toBeUndefined();
      const error = errorOf(report, true);
      expect(error).toMatchObject({ code: "UNPROVED", exitCode: 9 });
      expect(error?.message).toContain(what);
      expect(error?.hint).toContain(hint);
    },
  );

  it.each([
    ["no image for linux/s390x", "--platform"],
    ["no image manifest: not a docker save or OCI archive", "docker save, docker export"],
    ["missing from the archive", "damaged"],
  ])("of %s it says what to do", (reason, hint) => {
    expect(errorOf({ ...CLEAN, unseen: [{ what: "manifest", reason }] })?.hint).toContain(hint);
  });

  it("names a few of many secrets", () => {
    const unproved = Array.from({ length: 8 }, (_, i) => ({
      secret: `S${i}`,
      reason: "common" as const,
    }));
    expect(errorOf({ ...CLEAN, unproved }, true)?.message).toMatch(/S4 \([^)]*\) and 3 more$/u);
  });
});
