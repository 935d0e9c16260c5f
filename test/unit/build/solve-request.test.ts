import { describe, expect, it } from "vitest";

import { cachesOf } from "../../../src/build/caches.ts";
import { factsOf, refuseUnsupported, type EngineFacts } from "../../../src/build/engine-facts.ts";
import type { BuildRequest } from "../../../src/build/options.ts";
import { checkFlags, solveRequest } from "../../../src/build/solve-request.ts";
import type { SolveRequest } from "../../../src/session/control/messages.ts";

const request = (more: Partial<BuildRequest> = {}): BuildRequest => ({
  context: ".",
  cwd: "/w",
  env: {},
  ...more,
});

const facts = (more: Partial<EngineFacts> = {}): EngineFacts => ({
  version: "28.5.2",
  road: "grpc",
  containerd: false,
  hostGateway: "172.17.0.1",
  ...more,
});

const made = (more: Partial<BuildRequest>, at: EngineFacts = facts()): SolveRequest =>
  solveRequest(request(more), {
    ref: "r",
    session: "s",
    facts: at,
    places: { filename: "D" },
    caches: cachesOf(request(more)),
  });

describe("a request", () => {
  it("without flags: an image, no record, local images first", () => {
    expect(made({})).toEqual({
      ref: "r",
      session: "s",
      frontend: "dockerfile.v0",
      frontendAttributes: { filename: "D", "image-resolve-mode": "local" },
      exporters: [{ type: "moby", attributes: {} }],
      cacheExports: [],
      cacheImports: [],
      entitlements: [],
      internal: true,
    });
  });

  it.each<[string, Partial<BuildRequest>, Readonly<Record<string, string>>]>([
    ["--target", { target: "t" }, { target: "t" }],
    ["--platform", { platform: "a/b,c/d" }, { platform: "a/b,c/d" }],
    ["--pull", { pull: true }, { "image-resolve-mode": "pull" }],
    ["--no-cache", { noCache: true }, { "no-cache": "" }],
    ["--no-cache-filter", { noCacheFilter: ["a", "b"] }, { "no-cache": "a,b" }],
    ["--network none", { network: "none" }, { "force-network-mode": "none" }],
    ["--label", { labels: ["k=v=w", "flag"] }, { "label:k": "v=w", "label:flag": "" }],
    ["--shm-size", { shmSize: "64m" }, { "shm-size": "67108864" }],
    ["--ulimit", { ulimits: ["nofile=1:2", "core=0"] }, { ulimit: "nofile=1:2,core=0:0" }],
    [
      "--add-host",
      { addHosts: ["a:1.2.3.4", "b=[::1]", "c:::2", "d:host-gateway", "e=1.1.1.1,2.2.2.2"] },
      { "add-hosts": "a=1.2.3.4,b=::1,c=::2,d=172.17.0.1,e=1.1.1.1,e=2.2.2.2" },
    ],
    [
      "--cache-from",
      { cacheFrom: ["a/b:c", "type=gha,scope=x,token=t,url=u"] },
      {
        "cache-imports":
          '[{"Type":"registry","Attrs":{"ref":"a/b:c"}},{"Type":"gha","Attrs":{"scope":"x","token":"t","url":"u"}}]',
      },
    ],
    [
      "--provenance",
      { provenance: "mode=max" },
      { "attest:provenance": "type=provenance,mode=max" },
    ],
    ["--provenance=true", { provenance: "true" }, { "attest:provenance": "type=provenance" }],
    ["--sbom=false", { sbom: "false", attests: ["type=sbom"] }, {}],
    [
      "--attest",
      { attests: ["type=sbom,generator=x"] },
      { "attest:sbom": "type=sbom,generator=x" },
    ],
    [
      "--build-arg",
      { buildArgs: ["A=1=2", "FROM_ENV", "GONE", "E="], env: { FROM_ENV: "e" } },
      { "build-arg:A": "1=2", "build-arg:FROM_ENV": "e", "build-arg:E": "" },
    ],
    [
      "SOURCE_DATE_EPOCH",
      { env: { SOURCE_DATE_EPOCH: "7" } },
      { "build-arg:SOURCE_DATE_EPOCH": "7" },
    ],
  ])("%s", (_name, more, attributes) => {
    expect(made(more).frontendAttributes).toEqual({
      filename: "D",
      "image-resolve-mode": "local",
      ...attributes,
    });
  });

  it("BUILDKIT_SYNTAX brings its own front end", () => {
    const { frontend, frontendAttributes } = made({ buildArgs: ["BUILDKIT_SYNTAX=a/b:1 x"] });
    expect([frontend, frontendAttributes["source"], frontendAttributes["cmdline"]]).toEqual([
      "gateway.v0",
      "a/b:1",
      "a/b:1 x",
    ]);
  });

  it("--network host needs an entitlement, --allow adds others", () => {
    expect(made({ network: "host" }).entitlements).toEqual(["network.host"]);
    expect(made({ network: "host", allow: ["network.host", "x"] }).entitlements).toEqual([
      "network.host",
      "x",
    ]);
  });

  it("BUILDKIT_INLINE_CACHE is a cache, and so is --cache-to", () => {
    expect(made({ buildArgs: ["BUILDKIT_INLINE_CACHE=1"] }).cacheExports).toEqual([
      { type: "inline", attributes: {} },
    ]);
    expect(made({ cacheTo: ["type=registry,ref=x,mode=max"] }).cacheExports).toEqual([
      { type: "registry", attributes: { ref: "x", mode: "max" } },
    ]);
  });

  it("record and call", () => {
    expect(made({ record: true }).internal).toBe(false);
    expect(made({ call: "check" }).exporters).toEqual([]);
    expect(made({ call: "build" }).exporters).toHaveLength(1);
  });
});

describe("outputs", () => {
  const moby = (attributes: object): object => ({ type: "moby", attributes });
  it.each<[string, Partial<BuildRequest>, readonly object[]]>([
    ["tags", { tags: ["a:1", "b"] }, [moby({ name: "a:1,b" })]],
    ["--load", { load: true }, [moby({})]],
    ["type=docker", { outputs: ["type=docker"] }, [moby({})]],
    ["type=image,name=x", { outputs: ["type=image,name=x"] }, [moby({ name: "x" })]],
    ["a folder", { outputs: ["out"] }, [{ type: "local", attributes: {} }]],
    ["stdout", { outputs: ["-"] }, [{ type: "tar", attributes: {} }]],
    [
      "a quoted field",
      { outputs: ['"type=local","dest=a,b",x=1'] },
      [{ type: "local", attributes: { x: "1" } }],
    ],
    ["none", { outputs: ["type=cacheonly"] }, []],
    [
      "a folder and an image",
      { outputs: ["type=local,dest=o"], load: true, tags: ["t"] },
      [{ type: "local", attributes: {} }, moby({ name: "t" })],
    ],
    [
      "annotations",
      { annotations: ["a=b", "manifest[linux/amd64],index:c=d"] },
      [
        moby({
          "annotation.a": "b",
          "annotation-manifest[linux/amd64].c": "d",
          "annotation-index.c": "d",
        }),
      ],
    ],
    ["--push without its own store", { push: true, tags: ["r/x"] }, [moby({ name: "r/x" })]],
  ])("%s", (_name, more, exporters) => {
    expect(made(more).exporters).toEqual(exporters);
  });

  it("containerd's store pushes by itself", () => {
    const at = facts({ containerd: true });
    expect(made({ outputs: ["type=registry"], tags: ["r/x"] }, at).exporters).toEqual([
      moby({ name: "r/x", push: "true" }),
    ]);
  });
});

describe("flags that nobody could take", () => {
  it.each<[Partial<BuildRequest>, string]>([
    [{ shmSize: "many" }, "USAGE"],
    [{ ulimits: ["nofile"] }, "USAGE"],
    [{ addHosts: ["x"] }, "USAGE"],
    [{ addHosts: ["x:300.1.1.1"] }, "USAGE"],
    [{ network: "bridge" }, "USAGE"],
    [{ noCache: true, noCacheFilter: ["a"] }, "USAGE_CONFLICT"],
    [{ outputs: ["type=nope"] }, "USAGE"],
    [{ outputs: ["type=local"] }, "USAGE"],
    [{ outputs: ['"type=local'] }, "USAGE"],
    [{ outputs: ["type=local,dest=x"], iidFile: "i" }, "USAGE_CONFLICT"],
    [{ push: true }, "USAGE"],
    [{ annotations: ["x"] }, "USAGE"],
    [{ annotations: ["planet:x=y"] }, "USAGE"],
    [{ cacheFrom: ["ref=x"] }, "USAGE"],
    [{ attests: ["mode=max"] }, "USAGE"],
    [{ call: "check,format=xml" }, "USAGE"],
    [{ buildArgs: ["=x"] }, "USAGE"],
  ])("%j", (more, code) => {
    expect(() => checkFlags(request(more))).toThrow(expect.objectContaining({ code }));
  });
});

describe("flags that this engine can't do", () => {
  const refusal = (more: Partial<BuildRequest>, at: Partial<EngineFacts>, has = false): string => {
    try {
      refuseUnsupported(request(more), facts(at), has);
      return "";
    } catch (error) {
      expect(error).toMatchObject({ code: "DOCKER_TOO_OLD" });
      return error instanceof Error ? error.message : "";
    }
  };

  it.each<[Partial<BuildRequest>, Partial<EngineFacts>, string]>([
    [
      { buildContexts: ["a=b"] },
      { version: "20.10.24" },
      "engine 20.10.24 is too old for --build-context",
    ],
    [{ buildContexts: ["a=b"] }, { version: "23.0.1" }, ""],
    [{ shmSize: "1m" }, { version: "20.10.24" }, "engine 20.10.24 is too old for --shm-size"],
    [{ ulimits: ["core=1"] }, { version: "20.10.24" }, "engine 20.10.24 is too old for --ulimit"],
    [{ call: "check" }, { version: "26.1.5" }, "engine 26.1.5 is too old for --check"],
    [{ call: "outline" }, { version: "26.1.5" }, ""],
    [
      { outputs: ["a", "b"] },
      { version: "25.0.0" },
      "engine 25.0.0 is too old for a second --output",
    ],
    [{ outputs: ["a", "b"] }, { version: "26.0.0" }, ""],
    [{ platform: "a,b" }, {}, "engine 28.5.2 can't do --platform with several platforms"],
    [{ platform: "a,b" }, { containerd: true }, ""],
    [{ provenance: "true" }, {}, "engine 28.5.2 can't do --provenance"],
    [{ provenance: "false" }, {}, ""],
    [{ attests: ["type=sbom"] }, {}, "engine 28.5.2 can't do --attest"],
    [{ cacheTo: ["type=gha,token=x,url=y"] }, {}, "engine 28.5.2 can't do --cache-to type=gha"],
    [{ cacheTo: ["type=inline"] }, {}, ""],
    [
      { cacheFrom: ["type=s3,bucket=x"] },
      { containerd: true },
      "engine 28.5.2 can't do --cache-from type=s3",
    ],
    [{ cacheFrom: ["type=local,src=x", "a/b", "type=gha"] }, {}, ""],
    [{ cacheFrom: ["type=gha,token=x,url=y"] }, {}, "engine 28.5.2 can't do --cache-from type=gha"],
    [{ cacheFrom: ["type=gha,token=x,url=y"] }, { containerd: true }, ""],
    [
      { cacheFrom: ["type=local,src=x"] },
      { road: "build" },
      "engine 28.5.2 refuses POST /grpc, without which there is no --cache-from",
    ],
    [{ cacheTo: ["type=local,dest=x"] }, {}, "engine 28.5.2 can't do --cache-to type=local"],
    [{ cacheTo: ["type=local,dest=x"] }, { containerd: true }, ""],
    [
      { buildContexts: ["a=oci-layout://x"] },
      {},
      "engine 28.5.2 can't do --build-context NAME=oci-layout://…",
    ],
    [{ buildContexts: ["a=oci-layout://x"] }, { containerd: true }, ""],
    [
      { context: "https://x/y.git?branch=b" },
      { version: "26.1.5" },
      "engine 26.1.5 is too old for a git address with a query",
    ],
    [{ context: "https://x/y.git?branch=b" }, {}, ""],
    [
      { cgroupParent: "x" },
      { version: "20.10.24" },
      "engine 20.10.24 is too old for --cgroup-parent",
    ],
    [{ annotations: ["a=b"] }, {}, "engine 28.5.2 can't do --annotation"],
    [{ outputs: ["type=oci,dest=x"] }, {}, "engine 28.5.2 can't do --output type=oci,dest=…"],
    [{ outputs: ["type=oci,dest=x"] }, { containerd: true }, ""],
    [
      { addHosts: ["x:host-gateway"] },
      { hostGateway: null },
      "engine 28.5.2 is too old for --add-host NAME:host-gateway",
    ],
    [
      { allow: ["x"] },
      { road: "build" },
      "engine 28.5.2 refuses POST /grpc, without which there is no --allow",
    ],
    [
      { context: "https://x/y.git" },
      { road: "build" },
      "engine 28.5.2 refuses POST /grpc, without which there is no a context from a URL or stdin",
    ],
    [{ tags: ["x"], target: "y" }, { road: "build" }, ""],
  ])("%j on %j", (more, at, message) => {
    expect(refusal(more, at)).toBe(message);
  });

  it("a front end of its own may know more than the engine", () => {
    expect(refusal({ buildContexts: ["a=b"] }, { version: "20.10.24" }, true)).toBe("");
  });

  it("reads the engine from its workers", () => {
    const labels = new Map([
      ["org.mobyproject.buildkit.worker.snapshotter", "overlayfs"],
      ["org.mobyproject.buildkit.worker.moby.host-gateway-ip", "10.0.0.1"],
    ]);
    const worker = { id: "", labels, platforms: [], buildkit: "" };
    expect(factsOf("28.5.2", [worker])).toEqual(
      facts({ containerd: true, hostGateway: "10.0.0.1" }),
    );
    expect(factsOf("20.10.24", null)).toMatchObject({ road: "build", hostGateway: null });
  });
});
