import { describe, expect, it } from "vitest";
import { UsageError } from "../../../../src/errors.ts";
import { readSourceName } from "../../../../src/verify/sources/source-name.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

describe("what an operand names", () => {
  it.each([
    ["-", { kind: "stdin" }],
    ["cats", { kind: "engine", image: "cats" }],
    ["cats:1", { kind: "engine", image: "cats:1" }],
    ["localhost:5000/team/cats", { kind: "engine", image: "localhost:5000/team/cats" }],
    ["registry:2", { kind: "engine", image: "registry:2" }],
    ["docker:dind", { kind: "engine", image: "docker:dind" }],
    [DIGEST, { kind: "engine", image: DIGEST }],
    ["docker-daemon:cats.tar", { kind: "engine", image: "cats.tar" }],
    ["cats.tar", { kind: "path", path: "cats.tar" }],
    ["out/cats.tar.gz", { kind: "path", path: "out/cats.tar.gz" }],
    ["cats.tgz", { kind: "path", path: "cats.tgz" }],
    ["cats.tar.zst", { kind: "path", path: "cats.tar.zst" }],
    ["cats.tar:1", { kind: "engine", image: "cats.tar:1" }],
    ["./cats", { kind: "path", path: "./cats" }],
    ["../cats", { kind: "path", path: "../cats" }],
    ["/tmp/cats", { kind: "path", path: "/tmp/cats" }],
    [".", { kind: "path", path: "." }],
    ["..", { kind: "path", path: ".." }],
    ["docker-archive:a b", { kind: "archive", path: "a b" }],
    ["oci-archive:x", { kind: "archive", path: "x" }],
    ["oci:x", { kind: "layout", path: "x" }],
  ])("%s", (text, expected) => {
    expect(readSourceName(text)).toEqual(expected);
  });

  it.each([
    ["docker://ghcr.io/cats/api:1", { host: "ghcr.io", path: "cats/api", tag: "1" }],
    ["docker://busybox", { host: "docker.io", path: "library/busybox", tag: "latest" }],
    [`docker://localhost:5000/a@${DIGEST}`, { host: "localhost:5000", path: "a", digest: DIGEST }],
  ])("%s is in a registry", (text, reference) => {
    expect(readSourceName(text)).toEqual({ kind: "registry", reference });
  });

  it.each([
    "docker://",
    "docker://host.example/UPPER",
    "oci:",
    "docker-archive:",
    "docker-daemon:",
    "",
    "UPPER",
    "two words",
    "docker-daemon:UPPER",
  ])("%s names nothing", (text) => {
    expect(() => readSourceName(text)).toThrow(UsageError);
  });

  it("what may be a value in the wrong place is not quoted", () => {
    const value = `Value-${"x".repeat(20)}+/`;
    for (const text of [value, `docker-daemon:${value}`, `docker://${value}`]) {
      expect(() => readSourceName(text)).toThrow(/^(?!.*Value)/);
    }
  });
});
