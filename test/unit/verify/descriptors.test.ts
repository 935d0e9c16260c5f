import { describe, expect, it } from "vitest";
import { parsePlatform } from "../../../src/docker/platform.ts";
import { choose } from "../../../src/verify/descriptors.ts";

const attestation = (subject?: string): object => ({
  digest: "sha256:3",
  platform: { os: "unknown", architecture: "unknown" },
  annotations: {
    "vnd.docker.reference.type": "attestation-manifest",
    ...(subject && { "vnd.docker.reference.digest": subject }),
  },
});

describe("the manifests of an index", () => {
  const amd64 = { digest: "sha256:1", platform: { os: "linux", architecture: "amd64" } };
  const arm64 = { digest: "sha256:2", platform: { os: "linux", architecture: "arm64" } };
  const nameless = { platform: { os: "linux", architecture: "arm64" } };
  const unsaid = { digest: "sha256:4" };

  it.each([
    ["its own alone", [amd64, arm64], [amd64]],
    ["one that does not say its platform", [unsaid, arm64], [unsaid]],
    ["an attestation with its image", [amd64, attestation("sha256:1")], "all"],
    ["no attestation of another", [amd64, arm64, attestation("sha256:2")], [amd64]],
    ["an attestation of nothing", [amd64, attestation()], "all"],
    [
      "an attestation of nothing, beside a manifest without a digest",
      [amd64, nameless, attestation()],
      [amd64, attestation()],
    ],
  ] as const)("for a platform are %s", (_name, manifests, wanted) => {
    const platform = parsePlatform("linux/amd64", { os: "linux", arch: "amd64" }) ?? undefined;
    const expected = wanted === "all" ? manifests : wanted;
    expect(choose({ manifests }, platform).wanted).toEqual(expected);
    expect(choose({ manifests }, undefined).wanted).toEqual(manifests);
  });
});
