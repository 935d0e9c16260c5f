import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";

import { pack as newPack } from "tar-stream";
import { beforeEach, describe, expect, it } from "vitest";

import { StandardInput } from "../../src/build/standard-input.ts";
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { connectControl } from "../../src/session/control/client.ts";
import { RpcError } from "../../src/session/control/rpc-error.ts";
import { openSession } from "../../src/session/session.ts";
import { dockerOut, engineHost, engineVersion, needsEngine } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { parseJson } from "../support/json.ts";
import type { World } from "../support/temp.ts";
import {
  attempt,
  BASE,
  built,
  dockerfile,
  engineSkills,
  secretsOf,
  theEngine,
  worldWithImage,
} from "./build-harness.ts";
import { refusingProxy } from "./refusing-proxy.ts";

const TAG = `smtest-solve-${process.pid}`;

let world: World;
beforeEach(async () => {
  world = await worldWithImage(TAG);
});

const stdin = (bytes: Buffer | string): StandardInput =>
  new StandardInput(Readable.from([Buffer.from(bytes)]));

async function tar(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const pack = newPack();
  for (const [name, text] of Object.entries(files)) pack.entry({ name }, text);
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe("the Control service", () => {
  const nothing = {
    ref: "smtest0000000000000000000",
    frontend: "dockerfile.v0",
    frontendAttributes: {},
    exporters: [],
    cacheExports: [],
    cacheImports: [],
    entitlements: [],
    internal: true,
  };

  it("lists workers, and refuses a build in typed words", async () => {
    const engine = await theEngine();
    const session = await openSession(engine, { secrets: { get: async () => null } });
    const control = await connectControl(engine);
    try {
      const [worker] = await control.listWorkers();
      expect(worker?.platforms).toContain(`linux/${engine.version.arch}`);
      const error: unknown = await control
        .solve({ ...nothing, session: session.id })
        .catch((e: unknown) => e);
      expect(error).toBeInstanceOf(RpcError);
      expect(error).toMatchObject({ message: expect.stringMatching(/no local sources|context/) });
      await expect(
        control.solve({ ...nothing, session: session.id }, AbortSignal.abort(new Error("stop"))),
      ).rejects.toThrow("stop");
    } finally {
      await control.close();
      await session.close();
    }
  });
});

describe("what stays on the engine", () => {
  it("a build leaves no record of itself, unless it is asked to", async (context) => {
    await needsEngine(context, [24, 0], "build records");
    await dockerfile(world, "ARG MARK", "RUN true");
    const [quiet, recorded] = [canary("quiet"), canary("recorded")];
    await built(world, { buildArgs: [`MARK=${quiet}`] });
    await built(world, { buildArgs: [`MARK=${recorded}`], record: true });
    const control = await connectControl(await theEngine());
    const found: Buffer[] = [];
    try {
      // ListenBuildHistory{EarlyExit=3}
      const path = "/moby.buildkit.v1.Control/ListenBuildHistory";
      for await (const event of control.channel.messages(path, Buffer.from([0x18, 1])))
        found.push(event);
    } finally {
      await control.close();
    }
    const history = Buffer.concat(found);
    expect([leaksIn(history, [quiet]).length, leaksIn(history, [recorded]).length]).not.toEqual([
      0, 0,
    ]);
    expect(leaksIn(history, [quiet])).toEqual([]);
  });
});

describe("the same as docker", () => {
  it("image ids are equal to buildx, and each finds the other's cache", async () => {
    await world.write("a/file", "content");
    await world.write("日本語 😀", "x");
    await dockerfile(world, "COPY . /ctx", `RUN echo ${TAG} > /made`);
    const ours = await built(world, { noCache: false });
    // -q prints another of an image's digests with containerd's store
    const file = join(world.root, "buildx.json");
    const theirs = async (): Promise<unknown> => {
      const flags = ["-q", "--network", "none", "--provenance=false", "--metadata-file", file];
      await dockerOut(["buildx", "build", ...flags, world.cwd]);
      return parseJson<Record<string, unknown>>(await readFile(file, "utf8"))[
        "containerimage.digest"
      ];
    };
    expect(await theirs()).toBe(ours.result.imageId);
    await world.write("a/file", "other");
    const second = await theirs();
    const { result, events } = await built(world, { noCache: false });
    expect(result.imageId).toBe(second);
    const ended = events.filter(
      (event) =>
        event.kind === "step" && / (?:RUN|COPY) /.test(event.name) && event.completed !== undefined,
    );
    expect(ended.length).toBeGreaterThanOrEqual(2);
    expect(ended.some((event) => event.kind === "step" && event.cached)).toBe(true);
  });

  it("--iidfile, --metadata-file, --build-context, --no-cache-filter, --shm-size, --ulimit", async () => {
    const version = await engineVersion();
    const files = { iidFile: "iid", metadataFile: "meta.json" };
    await world.write("iid", "stale");
    await dockerfile(world, "RUN true");
    const { result } = await built(world, files);
    expect(await readFile(join(world.cwd, "iid"), "utf8")).toBe(result.imageId);
    const meta = parseJson<object>(await readFile(join(world.cwd, "meta.json"), "utf8"));
    expect(meta).toMatchObject({ "containerimage.digest": result.imageId });
    await dockerfile(world, "RUN false");
    await attempt(world, files);
    await expect(readFile(join(world.cwd, "iid"))).rejects.toThrow("ENOENT");

    await world.write("other/here", "named");
    await world.write(
      "Dockerfile",
      `FROM ${BASE}\nCOPY --from=named here /here\nRUN test "$(cat /here)" = named\n`,
    );
    const named = await attempt(world, { buildContexts: ["named=other"] });
    await dockerfile(
      world,
      `RUN test "$(df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2)" = 8192 && test "$(ulimit -n)" = 1234`,
    );
    const limits = await attempt(world, { shmSize: "8m", ulimits: ["nofile=1234"] });
    if (version.atLeast(23, 0)) expect([named.error, limits.error]).toEqual([null, null]);
    else {
      for (const { error } of [named, limits])
        expect(error).toMatchObject({
          code: "DOCKER_TOO_OLD",
          message: expect.stringMatching(/engine 20.*--(build-context|shm-size)/),
        });
    }
  });

  it("--no-cache-filter runs one stage again", async () => {
    await world.write(
      "Dockerfile",
      `FROM ${BASE} AS one\nRUN head -c9 /dev/urandom > /one\nFROM ${BASE} AS two\n` +
        `RUN head -c9 /dev/urandom > /two\nFROM ${BASE}\nCOPY --from=one /one /\nCOPY --from=two /two /\n`,
    );
    await built(world, {});
    const { events } = await built(world, { noCache: false, noCacheFilter: ["two"] });
    const cached = (name: string): boolean =>
      events.some((event) => event.kind === "step" && event.name.includes(name) && event.cached);
    expect([cached("> /one"), cached("> /two")]).toEqual([true, false]);
  });

  it("--call asks about the Dockerfile; --check where the engine can", async () => {
    const version = await engineVersion();
    await world.write("Dockerfile", `from ${BASE} AS wanted\nARG SAID=x\nRUN true\nfrom wanted\n`);
    const targets = await attempt(world, { call: "targets" });
    const outline = await attempt(world, { call: "outline,format=json", target: "wanted" });
    const check = await attempt(world, { call: "check" });
    if (version.atLeast(23, 0)) {
      expect(targets.result?.metadata.get("result.txt")).toContain("wanted");
      expect(outline.result?.metadata.get("result.json")).toContain("SAID");
      expect(outline.result?.imageId).toBe("");
    } else expect(targets.error).toMatchObject({ code: "DOCKER_TOO_OLD" });
    if ((await engineSkills()).checks) {
      expect(check.result?.metadata.get("result.json")).toContain('"warnings"');
    } else expect(check.error).toMatchObject({ code: "DOCKER_TOO_OLD" });
    await world.write("Dockerfile", `FROM ${BASE}\nRUM x\n`);
    const { error } = await attempt(world, { call: "outline" });
    if (version.atLeast(23, 0))
      expect(error).toMatchObject({ code: "BUILD_DOCKERFILE", place: { line: 2 } });
  });

  it("--output to a folder and to a tar", async () => {
    await world.write("Dockerfile", "FROM scratch\nCOPY file /out/\n");
    await world.write("file", "content");
    const { result } = await built(world, { outputs: ["type=local,dest=here"] });
    expect(result.imageId).toBe("");
    expect(await readFile(join(world.cwd, "here/out/file"), "utf8")).toBe("content");
    await built(world, { outputs: ["type=tar,dest=here.tar"] });
    expect((await readFile(join(world.cwd, "here.tar"))).includes("out/file")).toBe(true);
    const both = { outputs: ["type=local,dest=two", "type=image"], tags: [TAG] };
    const { error } = await attempt(world, both);
    if ((await engineSkills()).manyOutputs) {
      expect(error).toBeNull();
      expect(await (await theEngine()).inspectImage(TAG)).not.toBeNull();
    } else expect(error).toMatchObject({ code: "DOCKER_TOO_OLD" });
  });

  it("--output type=cacheonly makes no image", async () => {
    await dockerfile(world, "RUN true");
    expect((await built(world, { outputs: ["type=cacheonly"] })).result.imageId).toBe("");
  });

  it("--secret of docker beside ours, masked, and opened only when asked", async () => {
    const [file, variable, own] = [canary("file"), canary("variable"), canary("own")];
    await world.write("f.txt", file);
    await dockerfile(
      world,
      "RUN --mount=type=secret,id=f --mount=type=secret,id=v --mount=type=secret,id=own,required " +
        "cat /run/secrets/f /run/secrets/v && test -s /run/secrets/own",
    );
    const { result, log } = await built(world, {
      secrets: secretsOf({ own }),
      secretFlags: ["id=f,src=f.txt", "id=v,env=V", "id=unused,src=nowhere"],
      env: { V: variable },
    });
    expect(Object.fromEntries(result.opened)).toEqual({ f: 1, v: 1, own: 1 });
    expect(result.warnings).toEqual([]);
    expect(log).toContain("***");
    expect(leaksIn(log, [file, variable])).toEqual([]);
  });

  it("what the store can't hold is refused by version and flag", async () => {
    await dockerfile(world, "RUN true");
    const { containerd } = await storeOf();
    const { error } = await attempt(world, { platform: "linux/amd64,linux/arm64" });
    if (!containerd)
      expect(error).toMatchObject({
        code: "DOCKER_TOO_OLD",
        message: expect.stringMatching(/^engine \d.* can't do --platform/),
      });
    else {
      await world.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
      const o = {
        platform: "linux/amd64,linux/arm64",
        provenance: "mode=min",
        annotations: ["index:who=me"],
        tags: [TAG],
      };
      const { result } = await built(world, o);
      const listed = await dockerOut(["image", "inspect", "-f", "{{json .Descriptor}}", TAG]);
      expect(listed).toContain(result.imageId);
      expect(listed).toMatch(/index|manifest\.list/);
    }
  });
});

async function storeOf(): Promise<{ containerd: boolean }> {
  const info = (await (await theEngine()).info()) as unknown as { DriverStatus: string[][] };
  return { containerd: JSON.stringify(info.DriverStatus).includes("snapshotter") };
}

describe("contexts", () => {
  it("a Dockerfile on stdin, alone and with a folder", async () => {
    const alone = `FROM ${BASE}\nRUN test ! -e /x\n`;
    expect((await attempt(world, { context: "-", stdin: stdin(alone) })).error).toBeNull();
    await world.write("file", "x");
    const text = `FROM ${BASE}\nCOPY file /x\n`;
    const { error } = await attempt(world, { dockerfile: "-", stdin: stdin(text) });
    expect(error).toBeNull();
  });

  it("a tar on stdin, plain and compressed, with -f inside of it", async () => {
    const bytes = await tar({ "sub/D": `FROM ${BASE}\nCOPY big /\n`, big: "x".repeat(3_000_000) });
    for (const input of [bytes, gzipSync(bytes)]) {
      const o = { context: "-", stdin: stdin(input), dockerfile: "sub/D" };
      expect((await attempt(world, o)).error).toBeNull();
    }
  });

  it("an http context: a tar, and a Dockerfile alone", async () => {
    const bytes = await tar({ Dockerfile: `FROM ${BASE}\nCOPY Dockerfile /\n` });
    const server = createServer((request, response) => {
      response.end(request.url === "/ctx.tar" ? bytes : `FROM ${BASE}\nRUN true\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      for (const path of ["ctx.tar", "Dockerfile.txt"]) {
        const context = `http://127.0.0.1:${port}/${path}`;
        expect((await attempt(world, { context })).error).toBeNull();
      }
    } finally {
      server.close();
    }
  });
});

describe("a long Dockerfile", () => {
  // its report does not fit into a header that Node's HTTP/2 could read
  const filler = "# 0123456789 0123456789 0123456789 0123456789\n".repeat(3_000);

  it("fails in the step's own words", async () => {
    await world.write("Dockerfile", `FROM ${BASE}\n${filler}RUN echo said; exit 3\n`);
    const { error } = await attempt(world);
    expect(error).toMatchObject({
      code: "BUILD_FAILED",
      message: expect.stringMatching(/exit code 3$/),
      lines: ["said"],
    });
  });

  it("has a fault", async () => {
    await world.write("Dockerfile", `FROM ${BASE}\n${filler}RUM true\n`);
    expect((await attempt(world)).error).toMatchObject({ exitCode: 7 });
  });
});

describe("an engine that refuses /grpc", () => {
  it.each([403, 404, 501])("with %d builds on the older road, and says so", async (status) => {
    await using proxy = await refusingProxy({ engine: engineHost(), status });
    const endpoint = await resolveEndpoint({ host: proxy.host, env: {}, home: "/" });
    const engine = await Engine.connect(endpoint);
    const value = canary("proxied");
    await world.write("file", "x");
    await dockerfile(
      world,
      "COPY file /x",
      "RUN --mount=type=secret,id=v,required test -s /run/secrets/v && test $(cat /x) = x",
    );
    const { result } = await built(world, {
      engine,
      tags: [TAG],
      secrets: secretsOf({ v: value }),
    });
    expect(result.opened.get("v")).toBe(1);
    expect(result.warnings).toEqual([expect.stringMatching(/refuses POST \/grpc.*record/)]);
    expect(proxy.seen.some((path) => path.includes("remote=client-session"))).toBe(true);
    await expect((await theEngine()).inspectImage(TAG)).resolves.toMatchObject({
      Id: result.imageId,
    });
    const filter = { noCache: false, noCacheFilter: ["x"], secrets: secretsOf({ v: value }) };
    const { error } = await attempt(world, { engine, ...filter });
    expect(error).toMatchObject({
      code: "DOCKER_TOO_OLD",
      message: expect.stringMatching(/^engine \d.*--no-cache-filter/),
    });
  });
});
