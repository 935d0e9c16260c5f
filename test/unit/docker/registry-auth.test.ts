import { describe, expect, it } from "vitest";

import { isLoginRefusal, registryAuth } from "../../../src/docker/registry-auth.ts";
import type { RegistryLogin } from "../../../src/docker/registry-config.ts";
import { loginKeyOf, serverAddressOf } from "../../../src/docker/registry-host.ts";
import { Secret } from "../../../src/secret/secret.ts";

const HUB = "https://index.docker.io/v1/";

function login(secret: string, more: Partial<RegistryLogin> = {}): RegistryLogin {
  return { username: "bot", secret: Secret.take("p", Buffer.from(secret)), ...more };
}

function undone(header: string): unknown {
  return JSON.parse(Buffer.from(header, "base64url").toString());
}

describe("X-Registry-Auth", () => {
  it.each<[string, string, RegistryLogin | null, object]>([
    [
      "a password",
      "ghcr.io",
      login('p"ü'),
      { username: "bot", password: 'p"ü', serveraddress: "ghcr.io" },
    ],
    [
      "DO4: Docker Hub has its legacy key",
      "docker.io",
      login("pw"),
      { username: "bot", password: "pw", serveraddress: HUB },
    ],
    [
      "DO4: an empty server is Docker Hub",
      "",
      login("pw"),
      { username: "bot", password: "pw", serveraddress: HUB },
    ],
    [
      "an identity token",
      "ghcr.io",
      login("idt", { username: "" }),
      { identitytoken: "idt", serveraddress: "ghcr.io" },
    ],
    [
      "a registry token",
      "ghcr.io",
      login("rt", { isRegistryToken: true }),
      { registrytoken: "rt" },
    ],
    ["no login", "ghcr.io", null, {}],
  ])("%s", (_what, host, given, expected) => {
    expect(undone(registryAuth(host, given))).toEqual(expected);
  });

  it("is padded base64url, at every length: engines take no other", () => {
    for (const secret of ["", "x", "xy", "xyz", "\u00ff\u00fe~~~???>>>"]) {
      const header = registryAuth("a", login(secret));
      expect(header).toMatch(/^[\w-]+={0,2}$/);
      expect(header.length % 4).toBe(0);
    }
  });
});

describe("keys of logins", () => {
  it.each<[string, readonly string[], string | undefined]>([
    ["ghcr.io", ["docker.io", "ghcr.io"], "ghcr.io"],
    ["ghcr.io", ["https://ghcr.io/v2/"], "https://ghcr.io/v2/"],
    ["ghcr.io", ["https://ghcr.io/v2/", "ghcr.io"], "ghcr.io"],
    ["ghcr.io:5000", ["ghcr.io", "ghcr.io:5001"], undefined],
    ["docker.io", [HUB], HUB],
    ["docker.io", ["docker.io", HUB], HUB],
    ["docker.io", ["index.docker.io"], "index.docker.io"],
    ["docker.io", ["docker.io"], "docker.io"],
    ["docker.io", [""], ""],
    ["ghcr.io", [""], undefined],
    ["constructor", [], undefined],
  ])("of %s among %j", (host, keys, expected) => {
    expect(loginKeyOf(keys, host)).toBe(expected);
  });

  it.each([
    ["docker.io", HUB],
    ["index.docker.io", HUB],
    ["", HUB],
    ["ghcr.io", "ghcr.io"],
    ["localhost:5000", "localhost:5000"],
  ])("DO4: the server address of %j", (host, address) => {
    expect(serverAddressOf(host)).toBe(address);
  });
});

it.each([
  ['Head "http://r/v2/a/manifests/1": no basic auth credentials', true],
  ["unauthorized: authentication required", true],
  ["unexpected status from HEAD request to http://r/v2/a/manifests/1: 401 Unauthorized", true],
  ["denied: requested access to the resource is denied", true],
  ["manifest unknown", false],
  ["dial tcp 127.0.0.1:1: connect: connection refused", false],
  ["toomanyrequests: slow down", false],
])("words about a login: %s", (words, expected) => {
  expect(isLoginRefusal(words)).toBe(expected);
});
