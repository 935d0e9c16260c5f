import { describe, expect, it } from "vitest";

import { isImageId, parseReference, repositoryOf } from "../../../src/docker/reference.ts";

const HEX = "0123456789abcdef".repeat(4);
const DIGEST = `sha256:${HEX}`;

describe("parseReference reads as docker reads", () => {
  it.each<[string, string, string | undefined, string | undefined]>([
    ["busybox", "docker.io/library/busybox", "latest", undefined],
    ["busybox:1.36", "docker.io/library/busybox", "1.36", undefined],
    ["cats/api", "docker.io/cats/api", "latest", undefined],
    ["cats/api/v2:x", "docker.io/cats/api/v2", "x", undefined],
    ["docker.io/busybox", "docker.io/library/busybox", "latest", undefined],
    ["docker.io/cats/api", "docker.io/cats/api", "latest", undefined],
    ["index.docker.io/busybox:1", "docker.io/library/busybox", "1", undefined],
    ["ghcr.io/cats/api:1", "ghcr.io/cats/api", "1", undefined],
    ["ghcr.io/cats", "ghcr.io/cats", "latest", undefined],
    ["GHCR.IO/cats", "GHCR.IO/cats", "latest", undefined],
    // upper case can't be a name, so it is a host
    ["Cats/api", "Cats/api", "latest", undefined],
    ["localhost/cats", "localhost/cats", "latest", undefined],
    ["localhost:5000/cats:1", "localhost:5000/cats", "1", undefined],
    // no slash: a tag, not a port
    ["localhost:5000", "docker.io/library/localhost", "5000", undefined],
    ["127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b", "latest", undefined],
    ["[::1]:5000/cats:1", "[::1]:5000/cats", "1", undefined],
    [`busybox@${DIGEST}`, "docker.io/library/busybox", undefined, DIGEST],
    [`localhost:5000/cats:1@${DIGEST}`, "localhost:5000/cats", "1", DIGEST],
    ["a.b_c__d--e:_1.x-Y", "docker.io/library/a.b_c__d--e", "_1.x-Y", undefined],
    [`x:${"t".repeat(128)}`, "docker.io/library/x", "t".repeat(128), undefined],
  ])("%s", (text, repository, tag, digest) => {
    const reference = parseReference(text);
    if (reference === null) throw new Error("it was not read");
    expect(repositoryOf(reference)).toBe(repository);
    expect([reference.tag, reference.digest]).toEqual([tag, digest]);
  });

  it.each([
    "",
    ":1",
    "/cats",
    "cats/",
    "cats//api",
    "Cats",
    "ghcr.io/Cats/api",
    "cats:",
    "cats:-1",
    "cats:a b",
    `cats:${"t".repeat(129)}`,
    "cats:1@",
    "cats@sha256:12",
    `cats@sha256:${HEX.toUpperCase()}`,
    `cats@md5:${HEX}`,
    `cats@${DIGEST}@${DIGEST}`,
    "cats_",
    "-cats",
    "ca___ts",
    "ca..ts",
    "ghcr.io:/cats",
    "-ghcr.io/cats",
    "http://ghcr.io/cats",
    "cats\n",
    "../cats",
    HEX,
    DIGEST,
    "c".repeat(256),
  ])("refuses %j", (text) => {
    expect(parseReference(text)).toBeNull();
  });
});

it.each([
  [HEX, true],
  [DIGEST, true],
  [HEX.slice(1), false],
  [`cats@${DIGEST}`, false],
  ["cats", false],
])("an id is no name: %s", (text, expected) => {
  expect(isImageId(text)).toBe(expected);
});
