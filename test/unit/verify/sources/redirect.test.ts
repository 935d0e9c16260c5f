import { describe, expect, it } from "vitest";
import { nextOf, RedirectError } from "../../../../src/verify/sources/registry/redirect.ts";

const FAR = "https://registry.example/v2/cats/blobs/sha256:ab";

describe("a redirect of a registry", () => {
  it.each([
    [FAR, "https://storage.example/ab?x=1", "https://storage.example/ab?x=1"],
    [FAR, "/v2/other", "https://registry.example/v2/other"],
    [FAR, "https://10.1.2.3/ab", "https://10.1.2.3/ab"],
    ["http://10.1.2.3/v2/", "http://10.1.2.4/ab", "http://10.1.2.4/ab"],
    ["http://10.1.2.3/v2/", "https://storage.example/ab", "https://storage.example/ab"],
    ["http://127.0.0.1:5000/v2/", "http://localhost:9000/ab", "http://localhost:9000/ab"],
    ["http://[::1]:5000/v2/", "https://storage.example/ab", "https://storage.example/ab"],
  ])("from %s to %s is followed", (from, location, to) => {
    expect(nextOf(new URL(from), location).href).toBe(to);
  });

  it.each<[string, string]>([
    [FAR, "http://storage.example/ab"],
    [FAR, "file:///etc/passwd"],
    [FAR, "ftp://storage.example/ab"],
    [FAR, "https://"],
    ...[
      "localhost",
      "a.localhost",
      "127.0.0.1:8443",
      "127.9.9.9",
      "2130706433",
      "0x7f.1",
      "0.0.0.0",
      "169.254.169.254",
      "[::1]",
      "[::]",
      "[::ffff:127.0.0.1]",
      "[::ffff:169.254.169.254]",
      "[fe80::1]",
    ].map((host): [string, string] => [FAR, `https://${host}/latest`]),
    ["http://10.1.2.3/v2/", "http://169.254.169.254/latest/meta-data"],
  ])("from %s to %s is not", (from, location) => {
    expect(() => nextOf(new URL(from), location)).toThrow(RedirectError);
  });
});
