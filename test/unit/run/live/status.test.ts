import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";

import { liveContent } from "../../../../src/run/live/content.ts";
import { checkAfter } from "../../../../src/run/live/after.ts";
import { fileNames, gateFile, hiddenFile, namesOf } from "../../../../src/run/live/hidden.ts";
import type { LaunchLabels, LaunchSpec } from "../../../../src/run/live/spec.ts";
import { readState, type State } from "../../../../src/run/live/state.ts";
import { heldBy, statusFrom } from "../../../../src/run/live/status.ts";
import { Secret } from "../../../../src/secret/secret.ts";

const KEY = "0123456789abcdef";
const OTHER = "fedcba9876543210";

/** Two files in a folder, one alone, and a variable. */
const PLAIN: LaunchSpec = {
  version: 1,
  files: ["A", "B", "ALONE"].map((name) => ({ name, mode: 0o400, uid: 0, gid: 0 })),
  folders: [
    {
      key: "m0",
      target: "/run/secrets",
      files: [
        { file: 0, path: "A" },
        { file: 1, path: "B" },
      ],
    },
  ],
  singles: [{ key: "f0", target: "/etc/alone", file: 2 }],
  volumes: [],
  variables: ["V"],
  hides: false,
};

/** The same with the variables in a file of the gate. */
const HIDDEN: LaunchSpec = {
  ...PLAIN,
  files: [...PLAIN.files, { name: "the environment", mode: 0o400, uid: 7, gid: 8 }],
  folders: [
    ...PLAIN.folders,
    { key: "m1", target: "/run/sealmount", files: [{ file: 3, path: "env" }] },
  ],
  variables: ["V", "W"],
  hides: true,
};

function labels(spec: LaunchSpec, fingerprint: string | undefined = KEY): LaunchLabels {
  const digests = new Map(namesOf(spec).map((name) => [name, `${name}0`]));
  const identity = { app: "cats", environment: "prod", run: "0123456789abcdef" };
  return { ...identity, spec, digests, fingerprint, folder: undefined, reseed: false };
}

function note(at: number, digests: Readonly<Record<string, string>>, fingerprint = KEY): State {
  return { at, digests: new Map(Object.entries(digests)), fingerprint };
}

interface StatusCase {
  readonly title: string;
  readonly spec?: LaunchSpec;
  readonly fingerprint?: string | undefined;
  readonly notes?: readonly (State | null)[];
  readonly startedAt?: number;
  /** Digests of now, where they are others than at the start. */
  readonly now?: Readonly<Record<string, string>>;
  readonly gone?: readonly string[];
  readonly is: ReturnType<typeof statusFrom>;
}

const FINE = { kind: "up to date" } as const;
const stale = (...names: string[]): StatusCase["is"] => ({ kind: "stale", names });

describe("whether a container is up to date", () => {
  it.each<StatusCase>([
    { title: "nothing has changed", is: FINE },
    { title: "a file has", now: { A: "A1" }, is: stale("A") },
    {
      title: "a file has, and was refreshed",
      now: { A: "A1" },
      notes: [note(5, { A: "A1" })],
      is: FINE,
    },
    { title: "refreshed, then changed back", notes: [note(5, { A: "A1" })], is: stale("A") },
    {
      title: "a file that is mounted alone",
      now: { ALONE: "x" },
      notes: [note(5, { ALONE: "x" })],
      is: stale("ALONE"),
    },
    { title: "a variable", now: { V: "V1" }, notes: [note(5, { V: "V1" })], is: stale("V") },
    { title: "one that is not set any more", gone: ["B"], is: stale("B") },
    { title: "several", now: { A: "x", V: "y" }, gone: ["B"], is: stale("A", "B", "V") },
    {
      title: "a hidden variable, refreshed since the start",
      spec: HIDDEN,
      now: { W: "W1" },
      notes: [note(5, {}), note(5, { W: "W1" })],
      startedAt: 4,
      is: stale("W"),
    },
    {
      title: "a hidden variable, refreshed and started again",
      spec: HIDDEN,
      now: { W: "W1" },
      notes: [note(5, {}), note(5, { W: "W1" })],
      startedAt: 6,
      is: FINE,
    },
    {
      title: "of a run without a key",
      fingerprint: "",
      is: { kind: "unknown", why: "it was started without a key to compare A by" },
    },
    {
      title: "by a key that is not here",
      fingerprint: OTHER,
      is: { kind: "unknown", why: `key ${OTHER}, by which A is compared, is not here` },
    },
    {
      title: "refreshed with the key of now: what is not by it stays unknown",
      fingerprint: OTHER,
      notes: [note(5, { A: "A0", B: "B0" })],
      is: { kind: "unknown", why: `key ${OTHER}, by which ALONE is compared, is not here` },
    },
    {
      title: "stale counts more than unknown",
      fingerprint: OTHER,
      notes: [note(5, { A: "A1" })],
      is: stale("A"),
    },
  ])(
    "$title",
    ({ spec = PLAIN, fingerprint = KEY, notes = [], startedAt = 1, now, gone = [], is }) => {
      const own = labels(spec, fingerprint === "" ? undefined : fingerprint);
      const held = heldBy({
        labels: fingerprint === "" ? { ...own, fingerprint: undefined } : own,
        notes,
        startedAt,
      });
      const values = new Map([...own.digests, ...Object.entries(now ?? {})]);
      for (const name of gone) values.delete(name);
      const status = statusFrom(namesOf(spec), held, (key) => (key === KEY ? values : null));
      expect(status).toEqual(is);
    },
  );

  it("knows the file of hidden variables, and whose names are whose", () => {
    expect([hiddenFile(PLAIN), hiddenFile(HIDDEN)]).toEqual([null, 3]);
    const guarded = { ...HIDDEN, hides: false };
    expect([hiddenFile(guarded), gateFile(guarded), gateFile(PLAIN)]).toEqual([null, 3, null]);
    expect(fileNames(guarded)).toEqual(["A", "B", "ALONE"]);
    expect(fileNames(HIDDEN)).toEqual(["A", "B", "ALONE"]);
    expect(namesOf(HIDDEN)).toEqual(["A", "B", "ALONE", "V", "W"]);
  });
});

describe("the content of a refresh", () => {
  const value = (name: string, text: string | Buffer): { name: string; value: Secret } => ({
    name,
    value: Secret.take(name, Buffer.from(text)),
  });
  const all = ["A", "B", "ALONE", "V", "W"].map((name) => value(name, `value of ${name}`));
  const key = { key: Secret.take("key", randomBytes(32)), fingerprint: KEY, [Symbol.dispose]() {} };

  it("has the values of now in the order of the files, with owners and a note", () => {
    using content = liveContent(HIDDEN, all.toReversed(), key);
    expect(content.files.map(({ name, path, mode }) => [name, path, mode])).toEqual([
      ["A", "/run/secrets/A", 0o400],
      ["B", "/run/secrets/B", 0o400],
      ["ALONE", "/etc/alone", 0o400],
      ["the environment", "/run/sealmount/env", 0o400],
    ]);
    expect(content.owners[3]).toEqual({ uid: 7, gid: 8 });
    const records = content.files[3]?.value.use((bytes) => bytes.toString());
    expect(records).toBe("V=value of V\0W=value of W\0\0");
    const state = readState(content.note);
    expect([...(state?.digests.keys() ?? [])]).toEqual(["A", "B", "ALONE", "V", "W"]);
    expect(content.note).not.toContain("value");
  });

  it("wipes its own records, and leaves the values alone", () => {
    const content = liveContent(HIDDEN, all, undefined);
    content[Symbol.dispose]();
    expect(() => content.files[3]?.value.use((bytes) => bytes.length)).toThrow("wiped");
    expect(all[0]?.value.use((bytes) => bytes.length)).toBe(10);
  });

  it.each(["A", "ALONE", "W"])("SECRET_MISSING when %s is not set any more", (name) => {
    const rest = all.filter((one) => one.name !== name);
    expect(() => liveContent(HIDDEN, rest, key)).toThrow(`${name} is in the container`);
  });

  it("does without a plain variable, which it does not write", () => {
    using content = liveContent(PLAIN, all.slice(0, 3), key);
    expect(content.files).toHaveLength(3);
  });

  it("gives a gate that only stands guard no variables", () => {
    using content = liveContent({ ...HIDDEN, hides: false }, all, key);
    expect(content.files[3]?.value.use((bytes) => [...bytes])).toEqual([0]);
  });

  it("VALUE_INVALID for a hidden variable with a NUL", () => {
    const bad = all.map((one) => (one.name === "W" ? value("W", Buffer.from("a\0b")) : one));
    expect(() => liveContent(HIDDEN, bad, key)).toThrow("W holds a NUL byte");
  });
});

describe("what follows a refresh", () => {
  it.each([
    {},
    { signal: "HUP" },
    { signal: "sigusr1" },
    { signal: "9" },
    { signal: "RTMIN+3" },
    { exec: ["a"] },
  ])("%j is fine", (after) => {
    expect(() => checkAfter(after)).not.toThrow();
  });

  it.each([
    [{ signal: "HUP", exec: ["a"] }, "exclude each other"],
    [{ signal: "" }, "no such signal"],
    [{ signal: "0" }, "no such signal"],
    [{ signal: "65" }, "no such signal"],
    [{ signal: "HUP; rm" }, "no such signal"],
    [{ exec: [] }, "is empty"],
    [{ exec: [""] }, "is empty"],
  ])("%j is refused", (after, fact) => {
    expect(() => checkAfter(after)).toThrow(fact);
  });
});
