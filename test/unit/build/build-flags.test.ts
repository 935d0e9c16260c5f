import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";

import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";

import { readCall } from "../../../src/build/caches.ts";
import { FlagMask } from "../../../src/build/flag-mask.ts";
import { readPairs, readRecord, readSize, writeRecord } from "../../../src/build/flag-values.ts";
import type { BuildOptions, BuildRequest } from "../../../src/build/options.ts";
import { pushImages } from "../../../src/build/push.ts";
import { metadataOf, removeStaleResults, writeResults } from "../../../src/build/results.ts";
import { JoinedSecrets, readSecretFlags } from "../../../src/build/secret-flags.ts";
import { sharedKey } from "../../../src/build/shared-key.ts";
import { StandardInput } from "../../../src/build/standard-input.ts";
import { buildQuery } from "../../../src/build/query.ts";
import { Engine } from "../../../src/docker/engine.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { leaksIn } from "../../support/canary.ts";
import { makeWorld, type World } from "../../support/temp.ts";
import { fakeEngine, type FakeOptions } from "../session/fake-engine.ts";

const request = (more: Partial<BuildRequest> = {}): BuildRequest => ({
  context: ".",
  cwd: "/w",
  env: {},
  ...more,
});

async function newWorld(): Promise<World> {
  const world = await makeWorld();
  onTestFinished(async () => world[Symbol.asyncDispose]());
  return world;
}

describe("records", () => {
  it.each([
    ["a,b", ["a", "b"]],
    ["", [""]],
    ["a,", ["a", ""]],
    ['"a,b",c', ["a,b", "c"]],
    ['"a""b"', ['a"b']],
  ])("%s", (text, fields) => {
    expect(readRecord(text, "--x")).toEqual(fields);
  });

  it.each(['"a', 'a"b', '"a"b'])("%s is none", (text) => {
    expect(() => readRecord(text, "--x")).toThrow(/--x can't take/);
  });

  it("property: pairs come back", () => {
    const key = fc.stringMatching(/^[a-z]{1,5}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.string()), { minLength: 1 }), (pairs) => {
        expect(readPairs(writeRecord(pairs), "--x")).toEqual(pairs);
      }),
    );
  });

  it.each([
    ["64m", 67_108_864],
    ["1.5gb", 1_610_612_736],
    ["4096", 4096],
    ["1KiB", 1024],
    ["7b", 7],
  ])("%s is %d bytes", (text, bytes) => {
    expect(readSize(text, "--x")).toBe(bytes);
  });

  it("--call", () => {
    expect(readCall("check")).toEqual({ name: "lint", json: false });
    expect(readCall("outline,format=json")).toEqual({ name: "outline", json: true });
    expect([readCall(undefined), readCall("build")]).toEqual([null, null]);
    for (const text of ["format=json", "check,x=y"]) expect(() => readCall(text)).toThrow(/--call/);
  });
});

describe("--secret", () => {
  it.each<[string, object]>([
    ["id=a,src=f", { id: "a", source: { file: "f" } }],
    ["id=a,source=f,type=file", { id: "a", source: { file: "f" } }],
    ["id=a,env=V", { id: "a", source: { env: "V" } }],
    ["id=a,type=env,src=V", { id: "a", source: { env: "V" } }],
    ["id=SET", { id: "SET", source: { env: "SET" } }],
    ["id=unset", { id: "unset", source: { file: "unset" } }],
    ["src=d/f", { id: "f", source: { file: "d/f" } }],
    ["env=V", { id: "V", source: { env: "V" } }],
  ])("%s", (text, flag) => {
    const o = request({ secretFlags: [text], env: { SET: "x" } });
    expect(readSecretFlags(o, [])).toEqual([flag]);
  });

  it.each<[readonly string[], readonly string[], string]>([
    [["id=a,what=b"], [], "USAGE"],
    [["id="], [], "USAGE"],
    [["a"], [], "USAGE"],
    [["id=a,src=f", "id=a,src=g"], [], "USAGE_CONFLICT"],
    [["id=a,src=f"], ["a"], "USAGE_CONFLICT"],
  ])("%j beside %j", (secretFlags, declared, code) => {
    expect(() => readSecretFlags(request({ secretFlags }), declared)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it("opens each once, when asked; masks it from then on; wipes it in the end", async () => {
    const world = await newWorld();
    await world.write("f", "canary-of-a-file");
    const manifest = {
      ids: ["own"],
      open: async () => Secret.take("own", Buffer.from("own-value")),
    };
    const o = request({
      cwd: world.cwd,
      secretFlags: ["id=f,src=f", "id=v,env=V"],
      env: { V: "v-value" },
    });
    const secrets = new JoinedSecrets(manifest, o);
    expect(secrets.ids).toEqual(["own", "f", "v"]);
    const mask = new FlagMask(
      () => secrets.ofFlags,
      (text) => text.replace("caller", "***"),
    );
    expect(mask.text("canary-of-a-file caller")).toBe("canary-of-a-file ***");
    const [first, second] = await Promise.all([secrets.open("f"), secrets.open("f")]);
    expect(first).toBe(second);
    expect(mask.text("canary-of-a-file caller v-value")).toBe("*** *** v-value");
    await secrets.open("v");
    expect(mask.text("v-value")).toBe("***");
    expect((await secrets.open("own"))?.use((bytes) => String(bytes))).toBe("own-value");
    secrets[Symbol.dispose]();
    mask[Symbol.dispose]();
    expect(() => first?.use(() => undefined)).toThrow(/wiped/);
  });

  it("says which one is missing, and where it was looked for", async () => {
    const manifest = { ids: [], open: async () => null };
    const secrets = new JoinedSecrets(
      manifest,
      request({ secretFlags: ["id=a,src=x", "id=b,env=Y"] }),
    );
    await expect(secrets.open("a")).rejects.toThrow("build secret a of --secret: x can't be read");
    await expect(secrets.open("b")).rejects.toThrow("the variable Y is not set");
    expect(await secrets.open("c")).toBeNull();
  });
});

describe("standard input", () => {
  it("has a limit", async () => {
    const input = new StandardInput(Readable.from([Buffer.alloc(10)]));
    await expect(input.all(9)).rejects.toThrow(RangeError);
  });

  it("property: gives every byte in order, whatever was looked at before", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 600 })),
        fc.boolean(),
        async (parts, look) => {
          const chunks = parts.map((part) => Buffer.from(part));
          const input = new StandardInput(Readable.from(chunks, { objectMode: true }));
          if (look) await input.isArchive();
          const found: Buffer[] = [];
          for await (const chunk of input.stream()) found.push(chunk);
          expect(Buffer.concat(found).equals(Buffer.concat(chunks))).toBe(true);
        },
      ),
    );
  });
});

describe("the shared key", () => {
  it("is the same for a folder by any path, another for another, and tells none", async () => {
    const world = await newWorld();
    await mkdir(join(world.cwd, "a"));
    await symlink("a", join(world.cwd, "b"));
    const key = await sharedKey(join(world.cwd, "a"));
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(await sharedKey(join(world.cwd, "b"))).toBe(key);
    expect(await sharedKey(world.cwd)).not.toBe(key);
  });
});

describe("results", () => {
  const result = {
    imageId: "sha256:1",
    tags: [],
    opened: new Map<string, number>(),
    warnings: [],
    metadata: new Map([
      ["containerimage.digest", "sha256:1"],
      ["containerimage.descriptor", Buffer.from('{"size":1}').toString("base64")],
      ["result.json", '{"a":[]}'],
    ]),
  };

  it("are JSON where docker's are", () => {
    expect(metadataOf(result.metadata)).toEqual({
      "containerimage.digest": "sha256:1",
      "containerimage.descriptor": { size: 1 },
      "result.json": { a: [] },
    });
  });

  it("are written whole, an old id taken away first; no file, no writing", async () => {
    const world = await newWorld();
    await world.write("iid", "old");
    const o = request({ cwd: world.cwd, iidFile: "iid", metadataFile: "m" });
    await removeStaleResults(o);
    await expect(readFile(join(world.cwd, "iid"))).rejects.toThrow("ENOENT");
    await writeResults(o, result);
    expect(await readFile(join(world.cwd, "iid"), "utf8")).toBe("sha256:1");
    await removeStaleResults(request());
    await writeResults(request(), result);
    const nowhere = request({ cwd: world.cwd, iidFile: "no/where" });
    await expect(writeResults(nowhere, result)).rejects.toThrow(/built, but .* can't be written/);
  });
});

describe("the older road", () => {
  it("carries limits and caches", () => {
    const o = request({ shmSize: "1k", ulimits: ["nofile=1:2"], cacheFrom: ["a", "b:c"] });
    expect(buildQuery(o, { session: "s", build: "b", dockerfile: "D" })).toMatchObject({
      remote: "client-session",
      shmsize: 1024,
      ulimits: '[{"Name":"nofile","Soft":1,"Hard":2}]',
      cachefrom: '["a","b:c"]',
    });
  });
});

describe("pushing through the Engine API", () => {
  async function push(
    tags: readonly string[],
    answer: string,
  ): Promise<{ seen: readonly string[]; auth: unknown[]; hosts: string[]; outcome: unknown }> {
    const auth: unknown[] = [];
    const handle: FakeOptions["handle"] = (incoming, response) => {
      const header = String(incoming.headers["x-registry-auth"]);
      auth.push(JSON.parse(Buffer.from(header, "base64url").toString()));
      response.end(answer);
    };
    await using fake = await fakeEngine({ handle });
    const engine = await Engine.connect(fake.endpoint);
    const hosts: string[] = [];
    const credentials = async (
      host: string,
    ): ReturnType<NonNullable<BuildOptions["auth"]>["credentials"]> => {
      hosts.push(host);
      if (host !== "localhost:5000") return null;
      return { username: "bot", secret: Secret.take("p", Buffer.from("canary-push")) };
    };
    const secrets = { ids: [], open: async () => null };
    const o = { ...request({ tags, push: true }), engine, secrets, auth: { credentials } };
    const made = new Map([["containerimage.digest", "sha256:store"]]);
    const signal = AbortSignal.timeout(5_000);
    const outcome: unknown = await pushImages(o, made, signal).catch((error: unknown) => error);
    return { seen: fake.seen.slice(2), auth, hosts, outcome };
  }

  it("pushes each tag with the login of its host, and tells the registry's digest", async () => {
    const digest = `sha256:${"0".repeat(64)}`;
    const { seen, auth, hosts, outcome } = await push(
      ["localhost:5000/a/b:1", "user/c"],
      `null\n{"status":"ok"}\n${JSON.stringify({ aux: { Tag: "1", Digest: digest, Size: 5 } })}\n`,
    );
    expect(outcome).toEqual(
      new Map([
        ["containerimage.digest", digest],
        ["containerimage.config.digest", "sha256:store"],
      ]),
    );
    expect(seen).toEqual([
      "POST /v1.45/images/localhost%3A5000/a/b/push?tag=1",
      "POST /v1.45/images/docker.io/user/c/push?tag=latest",
    ]);
    expect(hosts).toEqual(["localhost:5000", "docker.io"]);
    expect(auth).toEqual([
      { username: "bot", password: "canary-push", serveraddress: "localhost:5000" },
      {},
    ]);
  });

  it("a registry that echoes the login is masked", async () => {
    const basic = Buffer.from("bot:canary-push").toString("base64");
    for (const echo of ["canary-push", basic]) {
      const line = JSON.stringify({ error: `denied: ${echo}` });
      const { outcome } = await push(["localhost:5000/a/b"], `${line}\n`);
      expect(outcome).toMatchObject({ code: "REGISTRY_LOGIN" });
      expect(leaksIn(String(outcome), ["canary-push"])).toEqual([]);
    }
  });

  it.each([
    ["denied", "REGISTRY_LOGIN", expect.stringContaining("docker login docker.io") as unknown],
    ["toomanyrequests: slow down", "DOCKER_REFUSED", undefined],
  ])("a refusal stands in the stream: %s", async (words, code, hint) => {
    const line = JSON.stringify({ errorDetail: {}, error: words });
    const { outcome } = await push(["a/b"], `{"status":"x"}\n${line}\n`);
    const message = `the image is built, but not pushed: ${words}`;
    expect(outcome).toMatchObject({ code, message, hint });
  });
});
