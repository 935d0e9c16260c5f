import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { request as send } from "node:http";
import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { Engine } from "../../../../src/docker/engine.ts";
import type { ImageInspect } from "../../../../src/docker/types.ts";
import { Secret } from "../../../../src/secret/secret.ts";
import { assertClean } from "../../../../src/verify/assert-clean.ts";
import type { VerifyReport } from "../../../../src/verify/model.ts";
import { EngineSource } from "../../../../src/verify/routes/engine-source.ts";
import { pushRoute } from "../../../../src/verify/routes/push.ts";
import type { Route } from "../../../../src/verify/routes/route.ts";
import { patienceFor, saveRoute } from "../../../../src/verify/routes/save.ts";
import { SilentError, unlessSilent, Watch } from "../../../../src/verify/routes/silence.ts";
import { verify } from "../../../../src/verify/verify.ts";
import { fakeEngine, type FakeEngine } from "../../session/fake-engine.ts";
import { legacyArchive } from "../archives.ts";

const VALUE = `silent-${randomBytes(12).toString("hex")}`;

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

interface World {
  readonly engine: Engine;
  readonly fake: FakeEngine;
  /** Requests whose connection was closed before they had their answer. */
  readonly givenUp: string[];
}

async function engineThat(handle: Handle): Promise<World> {
  const givenUp: string[] = [];
  const fake = await fakeEngine({
    handle(request, response) {
      response.on("close", () => {
        if (!response.writableFinished) givenUp.push(request.url ?? "");
      });
      handle(request, response);
    },
  });
  onTestFinished(async () => fake[Symbol.asyncDispose]());
  return { engine: await Engine.connect(fake.endpoint), fake, givenUp };
}

async function search(id: string, ...routes: readonly Route[]): Promise<VerifyReport> {
  const source = { name: "cats:1", open: async () => EngineSource.open(id, routes) };
  return verify(source, [Secret.take("prod/KEY", Buffer.from(VALUE))]).report();
}

/** An image of 20.10 with one layer, and its id. */
async function image(...files: readonly string[]): Promise<{ archive: Buffer; id: string }> {
  const archive = await legacyArchive({ layers: files.map((content) => ({ content })) });
  const config = /"Config":"(?<hex>[0-9a-f]{64})\.json"/u.exec(archive.toString("latin1"));
  return { archive, id: `sha256:${config?.groups?.["hex"]}` };
}

async function* slowly(pauses: readonly number[]): AsyncGenerator<number> {
  for (const ms of pauses) {
    await sleep(ms);
    yield ms;
  }
}

async function collect(answers: AsyncIterable<number>, pause = 0): Promise<number[]> {
  const all: number[] = [];
  for await (const one of answers) {
    all.push(one);
    await sleep(pause);
  }
  return all;
}

describe("answers that must not stop", () => {
  it("come as they are, also to somebody slow: only silence counts", async () => {
    expect(await collect(unlessSilent(slowly([0, 10, 0]), 100), 150)).toEqual([0, 10, 0]);
  });

  it("end after a silence, and the first may take longer", async () => {
    await expect(collect(unlessSilent(slowly([0, 5_000]), 50))).rejects.toBeInstanceOf(SilentError);
    expect(await collect(unlessSilent(slowly([300, 0]), 100, 5_000))).toEqual([300, 0]);
    await expect(collect(unlessSilent(slowly([0, 5_000]), 50, 5_000))).rejects.toThrow("50 ms");
  });

  it("are watched together: one that is heard of is enough", async () => {
    using watch = new Watch(300);
    for (let i = 0; i < 6; i++) {
      await sleep(100);
      watch.heard();
    }
    expect(watch.signal.aborted).toBe(false);
    await expect.poll(() => watch.signal.aborted).toBe(true);
  });
});

describe("docker save of an engine that hangs", () => {
  const patience = { first: 1_000, next: 1_000 };

  it("is given up when nothing comes, with where and what to do", async () => {
    const { engine, fake, givenUp } = await engineThat(() => undefined);
    await expect(
      search("sha256:1", saveRoute(engine, "sha256:1", { patience })),
    ).rejects.toMatchObject({
      code: "IMAGE_UNREADABLE",
      message: `the engine at ${fake.endpoint.host} has sent nothing for 1 s of the image`,
      hint: expect.stringContaining("docker info"),
    });
    await expect.poll(() => givenUp).toEqual(["/v1.45/images/sha256%3A1/get"]);
  });

  it("the same by another transport", async () => {
    const { engine } = await engineThat(() => undefined);
    const other = new Proxy(engine, {
      get: (target, name) => {
        if (name === "endpoint") return { ...target.endpoint, host: "npipe:x" };
        const found: unknown = Reflect.get(target, name, target);
        return typeof found === "function" ? (found.bind(target) as unknown) : found;
      },
    });
    await expect(
      search("sha256:1", saveRoute(other, "sha256:1", { patience })),
    ).rejects.toMatchObject({
      message: "the engine at npipe:x has sent nothing for 1 s of the image",
    });
  });

  it.each(["no byte", "half of it"])("proves nothing when %s came", async (part) => {
    const { archive } = await image("nothing", "else");
    const { engine, givenUp } = await engineThat((_, response) => {
      response.writeHead(200);
      if (part === "no byte") response.flushHeaders();
      else response.write(archive.subarray(0, archive.length / 2));
    });
    const report = await search("sha256:1", saveRoute(engine, "sha256:1", { patience }));
    expect(report.unseen).toContainEqual({
      what: "archive",
      reason: "the engine has sent nothing for 1 s",
    });
    expect(() => assertClean(report)).toThrow(
      expect.objectContaining({
        code: "IMAGE_UNREADABLE",
        message: "cats:1 is not proved: archive: the engine has sent nothing for 1 s",
        hint: expect.stringContaining("docker info"),
      }),
    );
    await expect.poll(() => givenUp).toHaveLength(1);
  });

  it("tells what was found until then", async () => {
    const { archive } = await image(VALUE, "nothing");
    const { engine } = await engineThat((_, response) => {
      response.write(archive.subarray(0, archive.length - 2048));
    });
    const report = await search("sha256:1", saveRoute(engine, "sha256:1", { patience }));
    expect(report.findings).toHaveLength(1);
    expect(report.unseen).not.toEqual([]);
  });

  it("an engine that writes the archive first has minutes, more for a large image", async () => {
    expect(patienceFor(0)).toEqual({ first: 300_000, next: 60_000 });
    expect(patienceFor(1_200_000_000)).toEqual({ first: 420_000, next: 60_000 });
    const { archive, id } = await image(VALUE);
    const { engine } = await engineThat((_, response) => {
      setTimeout(() => response.end(archive), 600);
    });
    const o = { patience: { first: 20_000, next: 300 } };
    const report = await search(id, saveRoute(engine, id, o));
    expect([report.findings.length, report.unseen]).toEqual([1, []]);
  });
});

describe("a push of an engine that hangs", () => {
  const found = { Id: "sha256:1", RepoTags: ["cats:1"] } as unknown as ImageInspect;

  /** Does what is given in the way that an engine has its answers. */
  async function pushed(hangs: "tag" | "push" | "after a line" | "removal"): Promise<{
    readonly report: VerifyReport;
    readonly requests: readonly string[];
  }> {
    const { archive, id } = await image(VALUE);
    const { engine, fake } = await engineThat((request, response) => {
      const call = `${request.method} ${(request.url ?? "").replace(/\?.*/u, "")}`;
      if (call.endsWith("/info")) response.end("{}");
      else if (call.endsWith("/get")) response.end(archive);
      else if (call.endsWith("/tag")) {
        if (hangs !== "tag") response.writeHead(201).end();
      } else if (call.startsWith("DELETE")) {
        if (hangs !== "removal") response.end("[]");
      } else if (hangs === "after a line") response.write('{"status":"Preparing"}\n');
      else if (hangs === "removal") response.end('{"error":"no"}\n');
    });
    const push = pushRoute(engine, found, { silenceMs: 500 });
    const report = await search(id, push, saveRoute(engine, id));
    return { report, requests: fake.seen };
  }

  it.each([
    ["tag", "the engine did not go on with the push"],
    ["push", "the engine did not go on with the push"],
    ["after a line", "the engine did not go on with the push"],
    ["removal", "the engine can't push to us"],
  ] as const)("at its %s is given up for another way", async (hangs, reason) => {
    const { report, requests } = await pushed(hangs);
    expect(report.route).toEqual({ name: "save", skipped: [{ name: "push", reason }] });
    expect([report.findings.length, report.unseen]).toEqual([1, []]);
    expect(requests.filter((request) => request.startsWith("DELETE"))).toHaveLength(1);
  });

  /** Pushes by `work`, and refuses at last. @returns how long we stayed, and why we left */
  async function stay(
    work: (response: ServerResponse, repository: string) => Promise<void>,
  ): Promise<{ readonly ms: number; readonly reason: string }> {
    const { archive, id } = await image(VALUE);
    let end = Number.NaN;
    const { engine } = await engineThat((request, response) => {
      const url = decodeURIComponent(request.url ?? "");
      const repository = /\/images\/(?<name>.*)\/push/u.exec(url)?.groups?.["name"];
      if (url.endsWith("/info")) response.end("{}");
      else if (url.endsWith("/get")) {
        end = performance.now();
        response.end(archive);
      } else if (repository === undefined) response.end();
      else {
        void work(response, repository)
          .then(() => response.end('{"error":"at last"}\n'))
          .catch(() => undefined);
      }
    });
    const push = pushRoute(engine, found, { silenceMs: 500 });
    const begin = performance.now();
    const { route } = await search(id, push, saveRoute(engine, id));
    return { ms: end - begin, reason: route?.skipped[0]?.reason ?? "" };
  }

  it("goes on as long as lines come", async () => {
    const { ms, reason } = await stay(async (response) => {
      for (let i = 0; i < 8; i++) {
        response.write('{"status":"Pushing"}\n');
        await sleep(100);
      }
    });
    expect(reason).toBe("the engine can't push to us");
    expect(ms).toBeGreaterThan(700);
  });

  it("goes on as long as bytes come, and not beyond", async () => {
    const { ms, reason } = await stay(async (_, repository) => {
      const upload = await beginUpload(repository);
      for (let i = 0; i < 8; i++) {
        upload.write("some bytes");
        await sleep(100);
      }
      await once(upload, "close");
    });
    expect(reason).toBe("the engine did not go on with the push");
    expect(ms).toBeGreaterThan(1_100);
  });
});

/** A blob that is sent to a registry, without an end. */
async function beginUpload(repository: string): Promise<ClientRequest> {
  const [host = "", name = ""] = repository.split("/");
  const answer = await fetch(`http://${host}/v2/${name}/blobs/uploads/`, { method: "POST" });
  const place = new URL(answer.headers.get("location") ?? "", answer.url);
  return send(place, { method: "PATCH" }).on("error", () => undefined);
}
