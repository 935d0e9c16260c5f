import type { VerifyReport } from "../../../src/verify/model.ts";

/** Reports of every verdict, as data. */

export const digest = (character: string): string => `sha256:${character.repeat(64)}`;

const NO_MEMBERS = { count: 0, bytes: 0, unseen: 0 };

export const LAYER = { index: 0, bytes: 1, files: 1, findings: 0, members: NO_MEMBERS };

export const CLEAN: VerifyReport = {
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

export const LEAKY: VerifyReport = {
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

export const UNPROVED: VerifyReport = {
  ...CLEAN,
  unproved: [
    { secret: "prod/PIN", reason: "too-short" },
    { secret: "prod/FLAG", reason: "common" },
  ],
};

/** Without any secret to look for. */
export const ON_NOTHING: VerifyReport = {
  ...CLEAN,
  secrets: 0,
  needles: 0,
  unproved: [{ secret: "*", reason: "none" }],
};

export const INCOMPLETE: VerifyReport = {
  ...UNPROVED,
  unseen: [{ what: digest("d"), reason: "missing from the archive" }],
  absent: ["linux/arm64"],
};

/** Files that were not unpacked: two listed, one more counted. */
export const UNPACKED: VerifyReport = {
  ...CLEAN,
  members: { count: 4, bytes: 1_500_000, unseen: 3 },
  unseenMembers: [
    { path: "/a.7z", layer: { index: 1, digest: digest("b") }, reason: "an unknown kind: 7z" },
    { path: "/b.zip!/c", layer: { index: 1, digest: digest("b") }, reason: "encrypted" },
  ],
};
