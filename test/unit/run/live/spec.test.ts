import { describe, expect, it } from "vitest";

import { type LaunchSpec, readLabels, specLabels } from "../../../../src/run/live/spec.ts";
import { readState, writeState } from "../../../../src/run/live/state.ts";

const SPEC: LaunchSpec = {
  version: 1,
  files: [
    { name: "A", mode: 0o440, uid: 1, gid: 2 },
    { name: "B", mode: 0o600, uid: 0, gid: 0 },
  ],
  folders: [{ key: "m0", target: "/run/secrets", files: [{ file: 0, path: "deep/A" }] }],
  singles: [{ key: "f0", target: "/etc/b", file: 1 }],
  volumes: [{ name: "sealmount-0123456789abcdef-0", key: null }],
  variables: ["C"],
  hides: false,
};

function labels(
  spec: unknown,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const identity = { app: "cats", environment: "prod" };
  const digests = new Map([["A", "00ff"]]);
  const own = specLabels(identity, SPEC, {
    digests,
    fingerprint: "0123456789abcdef",
    reseed: true,
  });
  const text = typeof spec === "string" ? spec : JSON.stringify(spec);
  return { ...own, "sealmount.run": "0123456789abcdef", "sealmount.spec": text, ...more };
}

describe("readLabels", () => {
  it("gives back what was written", () => {
    expect(readLabels(labels(SPEC, { "sealmount.folder": "/dev/shm/x" }))).toEqual({
      app: "cats",
      environment: "prod",
      run: "0123456789abcdef",
      spec: SPEC,
      digests: new Map([["A", "00ff"]]),
      fingerprint: "0123456789abcdef",
      folder: "/dev/shm/x",
      reseed: true,
    });
  });

  const folder = SPEC.folders[0];
  const file = SPEC.files[0];
  const path = (text: unknown): object => ({
    folders: [{ ...folder, files: [{ file: 0, path: text }] }],
  });

  it.each<readonly [string, unknown]>([
    ["no JSON", "{"],
    ["null", null],
    ["a list", []],
    ["another version", { ...SPEC, version: 2 }],
    ["a version that is a text", { ...SPEC, version: "1" }],
    ["a list that is missing", { ...SPEC, volumes: undefined }],
    ["a list that is none", { ...SPEC, files: { length: 1 } }],
    ["a null among the folders", { ...SPEC, folders: [null] }],
    ["a null among the files", { ...SPEC, files: [null, null] }],
    ["a folder without files", { ...SPEC, folders: [{ ...folder, files: undefined }] }],
    ["a key that leads out", { ...SPEC, folders: [{ ...folder, key: "../m0" }] }],
    ["a key that is absolute", { ...SPEC, folders: [{ ...folder, key: "/etc" }] }],
    ["a key with a segment too many", { ...SPEC, folders: [{ ...folder, key: "m0/x" }] }],
    ["an empty key", { ...SPEC, singles: [{ key: "", target: "/b", file: 1 }] }],
    ["a target that is relative", { ...SPEC, folders: [{ ...folder, target: "run" }] }],
    ["a path that leads out", { ...SPEC, ...path("a/../../b") }],
    ["a path that is absolute", { ...SPEC, ...path("/etc/passwd") }],
    ["a path with a name of ours", { ...SPEC, ...path("..data") }],
    ["a path with a dot", { ...SPEC, ...path("./A") }],
    ["a path with a gap", { ...SPEC, ...path("a//b") }],
    ["an empty path", { ...SPEC, ...path("") }],
    ["a path that is a number", { ...SPEC, ...path(1) }],
    ["a path that steers a terminal", { ...SPEC, ...path("\u001b[2J") }],
    ["a file that is not there", { ...SPEC, singles: [{ key: "f0", target: "/b", file: 2 }] }],
    ["a file that is a text", { ...SPEC, singles: [{ key: "f0", target: "/b", file: "1" }] }],
    ["a file before the first", { ...SPEC, singles: [{ key: "f0", target: "/b", file: -1 }] }],
    ["half a file", { ...SPEC, singles: [{ key: "f0", target: "/b", file: 0.5 }] }],
    ["a mode with more than permissions", { ...SPEC, files: [{ ...file, mode: 0o4755 }, file] }],
    ["a mode that is a text", { ...SPEC, files: [{ ...file, mode: "0440" }, file] }],
    ["an owner of nobody", { ...SPEC, files: [{ ...file, uid: 0xffffffff }, file] }],
    ["a name that steers a terminal", { ...SPEC, files: [{ ...file, name: "A\u202e" }, file] }],
    ["a name of two lines", { ...SPEC, variables: ["A\nB"] }],
    ["no word on where variables are", { ...SPEC, hides: undefined }],
    ["a volume without a name", { ...SPEC, volumes: [{ key: null }] }],
    ["a volume with a strange key", { ...SPEC, volumes: [{ name: "v", key: "/" }] }],
  ])("refuses %s", (_title, spec) => {
    expect(readLabels(labels(spec))).toBeNull();
  });

  it.each([
    ["an app that steers a terminal", { "sealmount.app": "\u001b[31m" }],
    ["no app", { "sealmount.app": "" }],
    ["a run of another form", { "sealmount.run": "../x" }],
  ])("refuses %s", (_title, more) => {
    expect(readLabels(labels(SPEC, more))).toBeNull();
  });

  it.each([
    ["a key that is no fingerprint", { "sealmount.key": "\u001b[31m" }, { fingerprint: undefined }],
    ["digests that are none", { "sealmount.digests": "[1" }, { digests: new Map() }],
    [
      "a digest that is none",
      { "sealmount.digests": '{"A":1,"B":"2"}' },
      { digests: new Map([["B", "2"]]) },
    ],
  ])("reads past %s", (_title, more, expected) => {
    expect(readLabels(labels(SPEC, more))).toMatchObject(expected);
  });
});

describe("the note", () => {
  it.each([
    { at: 5, digests: new Map([["A", "00ff"]]), fingerprint: "0123456789abcdef" },
    { at: 5, digests: new Map<string, string>(), fingerprint: undefined },
  ])("gives back what was written: %#", (state) => {
    expect(readState(writeState(state))).toEqual(state);
  });

  it.each(["", "{", "null", "[]", '{"version":2,"at":1}', '{"version":1,"at":"1"}'])(
    "%j is none",
    (text) => {
      expect(readState(text)).toBeNull();
    },
  );
});
