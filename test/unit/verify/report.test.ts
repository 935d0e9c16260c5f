import { describe, expect, it } from "vitest";
import { SealmountError } from "../../../src/errors.ts";
import { assertClean } from "../../../src/verify/assert-clean.ts";
import { verdictOf } from "../../../src/verify/model.ts";
import type { VerifyReport } from "../../../src/verify/model.ts";
import { renderReport, reportJson } from "../../../src/verify/report.ts";

const digest = (character: string): string => `sha256:${character.repeat(64)}`;

const NO_MEMBERS = { count: 0, bytes: 0, unseen: 0 };

const LAYER = { index: 0, bytes: 1, files: 1, findings: 0, members: NO_MEMBERS };

const CLEAN: VerifyReport = {
  image: "cats:1",
  configs: [digest("c")],
  layers: [
    {
      index: 0,
      digest: digest("a"),
      createdBy: "ADD rootfs",
      bytes: 4_200_000,
      files: 400,
      findings: 0,
      members: NO_MEMBERS,
    },
    {
      index: 1,
      digest: digest("b"),
      createdBy: "RUN  make &&\n\tmake install",
      bytes: 12_345,
      files: 3,
      findings: 0,
      members: NO_MEMBERS,
    },
  ],
  bytes: 4_212_345,
  files: 403,
  members: NO_MEMBERS,
  secrets: 2,
  needles: 24,
  findings: [],
  omitted: 0,
  unproved: [],
  unseen: [],
  unseenMembers: [],
  absent: [],
  limits: ["a limit"],
};

const LEAKY: VerifyReport = {
  ...CLEAN,
  layers: CLEAN.layers.map((layer) => ({ ...layer, findings: layer.index })),
  findings: [
    {
      secret: "prod/API_KEY",
      encoding: "raw",
      also: ["base64"],
      where: "layer",
      part: "content",
      layer: { index: 1, digest: digest("b"), createdBy: "COPY . ." },
      path: "/app/.npmrc",
      deleted: true,
      offset: 19,
      count: 2,
    },
    {
      secret: "build/npm-token",
      encoding: "raw",
      where: "env",
      path: "NPM_TOKEN",
      offset: 10,
      count: 1,
    },
  ],
};

const UNPROVED: VerifyReport = {
  ...CLEAN,
  unproved: [
    { secret: "prod/PIN", reason: "too-short" },
    { secret: "prod/FLAG", reason: "common" },
  ],
};

const INCOMPLETE: VerifyReport = {
  ...UNPROVED,
  unseen: [{ what: digest("d"), reason: "missing from the archive" }],
  absent: ["linux/arm64"],
};

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
      "  note: a limit",
    ]);
  });

  it("IT12: leaks, with layer, path, instruction and how to mend them", () => {
    expect(renderReport(LEAKY).slice(1, -1)).toEqual([
      "layer 2/2  sha256:bbbbbbbbbbbb  12.3 kB, 3 files  LEAK (1)  RUN make && make install",
      `leak: prod/API_KEY (raw, base64) in /app/.npmrc in layer 2 (${digest("b")}), deleted by a later layer, at byte 19, 2 times`,
      "  made by: COPY . .",
      "  mend: mount the secret with RUN --mount=type=secret,id=… and write it to no file: deleting it in a later layer does not help",
      "leak: build/npm-token (raw) in env NPM_TOKEN, at byte 10",
      "  mend: take it out of ENV, LABEL or CMD and give it when the container starts: sealmount run",
      "cats:1: LEAK, 2 places; searched 2 layers, 403 files, 4.2 MB for 24 forms of 2 secrets",
    ]);
  });

  it("RI18: what can't be proved, and what was not read", () => {
    const lines = renderReport(INCOMPLETE).slice(2);
    expect(lines).toEqual([
      "unproved: prod/PIN: too short: such bytes occur by accident",
      "unproved: prod/FLAG: a common word: it occurs in ordinary files",
      `not read: ${digest("d")}: missing from the archive`,
      "not here: linux/arm64",
      "cats:1: NOT PROVED, parts could not be read; searched 2 layers, 403 files, 4.2 MB for 24 forms of 0 secrets",
      "  note: a limit",
    ]);
    expect(renderReport(UNPROVED).at(-2)).toContain("clean of all but 2 that can't be proved");
  });

  it("counts the layers of each platform for itself, and names an entry of the history once", () => {
    const layers = ["linux/amd64", "linux/arm64"].flatMap((platform) =>
      CLEAN.layers.map((layer) => ({ ...layer, platform })),
    );
    const history = { secret: "S", encoding: "raw", where: "history", path: "history[3]" } as const;
    const findings = [{ ...history, offset: 0, count: 1 }];
    const lines = renderReport({ ...CLEAN, layers, findings });
    expect(lines[3]).toMatch(/^layer 2\/2 {2}sha256:bbbbbbbbbbbb {2}linux\/arm64 /u);
    expect(lines[4]).toBe("leak: S (raw) in history[3], at byte 0");
  });

  it("shortens a long instruction, and escapes the name of the image", () => {
    const layers = [{ ...LAYER, digest: digest("a"), createdBy: "x".repeat(99) }];
    const lines = renderReport({ ...CLEAN, image: "a\u001b[2J", layers, omitted: 3 });
    expect(lines[0]).toMatch(/ {2}x{59}…$/u);
    expect(lines[1]).toBe("leak: 3 more occurrences in places not listed");
    expect(lines[2]).toMatch(/^a\\x1b\[2J: clean/u);
  });
});

describe("reportJson", () => {
  it.each([
    ["clean", CLEAN],
    ["leak", LEAKY],
    ["leak", { ...LEAKY, unseen: INCOMPLETE.unseen }],
    ["unproved", UNPROVED],
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
});
