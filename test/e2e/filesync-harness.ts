/** Builds over FileSync alone: `POST /build?remote=client-session`, what serves it, and buildx. */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

import { expect, onTestFinished } from "vitest";

import { decodeStatus } from "../../src/build/status.ts";
import { fileSyncService, type SyncedDir } from "../../src/session/filesync/service.ts";
import type { GrpcMethod, GrpcService } from "../../src/session/grpc.ts";
import { openSession } from "../../src/session/session.ts";
import { dockerCli, testEngine } from "../engine/current.ts";
import { parseJson } from "../support/json.ts";
import { theEngine } from "./build-harness.ts";

/** What a build over FileSync gave. */
export interface SyncBuild {
  /** Null when it failed. */
  readonly imageId: string | null;
  /** The engine's words when it failed. */
  readonly error: string;
  readonly failures: readonly Error[];
  /** Contents that were sent, by directory name. */
  readonly files: ReadonlyMap<string, number>;
  readonly bytes: ReadonlyMap<string, number>;
  /** How many COPY steps came from the cache. */
  readonly cachedCopies: number;
}

/** What to build. */
export interface SyncOptions {
  readonly context: string;
  readonly dirs?: ReadonlyMap<string, SyncedDir>;
  readonly dockerfile?: string;
  readonly noCache?: boolean;
  readonly signal?: AbortSignal;
  /** Called when the engine first asks for a file: it has got the whole list of a small folder. */
  readonly onRequest?: () => void;
}

/** Builds; the image is removed when the test is over. */
export async function syncBuild(o: SyncOptions): Promise<SyncBuild> {
  const engine = await theEngine();
  const failures: Error[] = [];
  const dir = { root: o.context };
  const dirs = o.dirs ?? new Map(["context", "dockerfile"].map((name) => [name, dir]));
  const files = new Map([...dirs.keys()].map((name) => [name, 0]));
  const bytes = new Map(files);
  const fileSync = fileSyncService(dirs, {
    onFailure: (error) => failures.push(error),
    inspector: {
      open: (name) => ({
        write: (chunk) => void bytes.set(name, (bytes.get(name) ?? 0) + chunk.length),
        end: () => void files.set(name, (files.get(name) ?? 0) + 1),
      }),
    },
  });
  const session = await openSession(engine, {
    secrets: { get: async () => null },
    services: [o.onRequest === undefined ? fileSync : watched(fileSync, o.onRequest)],
    sharedKey: createHash("sha256").update(o.context).digest("hex"),
  });
  try {
    const answer = await engine.stream("POST", "/build", {
      query: {
        version: 2,
        session: session.id,
        remote: "client-session",
        dockerfile: o.dockerfile ?? "Dockerfile",
        networkmode: "none",
        ...(o.noCache === true && { nocache: 1 }),
      },
      signal: o.signal,
    });
    return { ...readAnswer(await text(answer)), failures, files, bytes };
  } finally {
    await session.close();
  }
}

function watched(service: GrpcService, onRequest: () => void): GrpcService {
  const methods = [...service].map(([path, method]): [string, GrpcMethod] => [
    path,
    async (call) => {
      // the Dockerfile's folder and the ignore file are asked for first, each with followed paths
      const whole = !call.rawHeaders.includes("followpaths");
      if (whole) call.stream.once("data", onRequest);
      await method(call);
    },
  ]);
  return new Map(methods);
}

function readAnswer(body: string): Pick<SyncBuild, "imageId" | "error" | "cachedCopies"> {
  let imageId: string | null = null;
  let error = "";
  const cached = new Set<string>();
  for (const line of body.split("\n").filter((one) => one.trim() !== "")) {
    const message = parseJson<{ id?: string; aux?: unknown; error?: string }>(line);
    error = message.error ?? error;
    if (message.id === "moby.image.id") imageId = (message.aux as { ID: string }).ID;
    if (message.id === "moby.buildkit.trace") {
      const { vertexes } = decodeStatus(Buffer.from(message.aux as string, "base64"));
      const copies = vertexes.filter(({ cached: hit, name }) => hit && name.includes("] COPY "));
      for (const { digest } of copies) cached.add(digest);
    }
  }
  if (imageId !== null) {
    const made = imageId;
    onTestFinished(async () => (await theEngine()).removeImage(made, { force: true }));
  }
  return { imageId, error, cachedCopies: cached.size };
}

/** Builds the same with the real client. */
export async function buildx(context: string): Promise<RealBuild> {
  const folder = await mkdtemp(join(tmpdir(), "smtest-iid-"));
  onTestFinished(async () => rm(folder, { recursive: true }));
  const iid = join(folder, "iid");
  const flags = ["--network=none", "--provenance=false", "--progress=plain", "--iidfile", iid];
  const { code, stderr } = await dockerCli(["buildx", "build", ...flags, context]);
  if (code !== 0) throw new Error(`buildx failed: ${stderr}`);
  const imageId = await readFile(iid, "utf8");
  onTestFinished(async () => (await theEngine()).removeImage(imageId, { force: true }));
  return { imageId, cachedCopies: copiesIn(stderr) };
}

/** What the real client made. */
export interface RealBuild {
  readonly imageId: string;
  /** How many COPY steps came from the cache. */
  readonly cachedCopies: number;
}

function copiesIn(log: string): number {
  const cached = new Set(log.match(/^#\d+(?= CACHED)/gm));
  const copies = log.match(/^#\d+(?= \[.*\] COPY )/gm) ?? [];
  return new Set(copies.filter((step) => cached.has(step))).size;
}

/**
 * Expects that a second build found every COPY of the first in the cache, and so made the same
 * image. containerd's store names images by a manifest, which the two ways of building word
 * differently; there the cache alone tells.
 */
export function expectSame(first: RealBuild | SyncBuild, second: RealBuild | SyncBuild): void {
  for (const one of [first, second]) {
    if ("error" in one) expect(one).toMatchObject({ error: "", failures: [] });
  }
  expect(first.imageId).not.toBeNull();
  expect(second.cachedCopies).toBeGreaterThan(0);
  if (!testEngine().variant.includes("containerd")) expect(second.imageId).toBe(first.imageId);
}

/** The names of a built image's files below a folder, by a look into the image. */
export async function filesIn(imageId: string, folder: string): Promise<string[]> {
  const command = `cd ${folder} && find . | sort`;
  const ended = await dockerCli(["run", "--rm", "--network=none", imageId, "sh", "-c", command]);
  if (ended.code !== 0) throw new Error(`docker run failed: ${ended.stderr}`);
  return ended.stdout.split("\n").flatMap((line) => (line.length > 2 ? [line.slice(2)] : []));
}
