import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

import { extract } from "tar-stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { build } from "../../src/build/build.ts";
import type { BuildEvent } from "../../src/build/events.ts";
import type { BuildOptions } from "../../src/build/options.ts";
import {
  dockerCli,
  dockerOut,
  needsEngine,
  needsOwnEngine,
  testEngine,
} from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { findEachOnDisk, unzipped } from "../support/disk.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { BASE, secretsOf, theEngine } from "./build-harness.ts";

/**
 * Where plaintext stays on an engine after a build by our client, case by case. The engine keeps no
 * record of such a build (`Internal`), so that what a step printed is nowhere; what a step or the
 * Dockerfile puts into the image is in the image. The same on 20.10, 26.1 and 28.5; where the
 * containerd store differs is said below.
 */

/** Where a value may be on the engine once the build has ended. */
type Place =
  | "image config"
  | "layer"
  | "cache mount"
  | "uploaded Dockerfile"
  | "metadata_v2.db"
  | "compressed layer";

/** A way to handle a secret, and where it then is. */
interface Case {
  readonly name: string;
  /** The Dockerfile behind FROM; in case e, `$V` stands for the value. */
  readonly lines: readonly string[];
  readonly fails?: true;
  /** First engine that knows it. */
  readonly since?: readonly [number, number];
  /** `docker save`, `docker history`, `docker image inspect`. */
  readonly told: readonly ("save" | "history" | "inspect")[];
  readonly disk: readonly Place[];
}

const MOUNT = "RUN --mount=type=secret,id=v";
const READ = "cat /run/secrets/v";

const CASES: readonly Case[] = [
  { name: "a. file mount", lines: [`${MOUNT} ${READ} >/dev/null`], told: [], disk: [] },
  {
    name: "a. env mount",
    lines: ['RUN --mount=type=secret,id=v,env=V test -n "$V"'],
    since: [27, 3],
    told: [],
    disk: [],
  },
  { name: "b. echoed", lines: [`${MOUNT} ${READ}; ${READ} | base64 >&2`], told: [], disk: [] },
  {
    name: "b. echoed, step fails",
    lines: [`${MOUNT} ${READ}; exit 3`],
    fails: true,
    told: [],
    disk: [],
  },
  {
    name: "c. copied to a layer",
    lines: [`${MOUNT} ${READ} > /copy`],
    told: ["save"],
    disk: ["layer"],
  },
  {
    name: "c. removed in a later step",
    lines: [`${MOUNT} ${READ} > /copy`, "RUN rm /copy"],
    told: ["save"],
    disk: ["layer"],
  },
  {
    name: "c. removed in the same step",
    lines: [`${MOUNT} ${READ} > /copy; rm /copy`],
    told: [],
    disk: [],
  },
  {
    name: "c. in an intermediate stage only",
    lines: [`${MOUNT} ${READ} > /copy; echo x > /made`, `FROM ${BASE}`, "COPY --from=0 /made /"],
    told: [],
    disk: ["layer"],
  },
  {
    name: "c. in a cache mount",
    lines: [`${MOUNT} --mount=type=cache,target=/c ${READ} > /c/in-cache-mount`],
    told: [],
    disk: ["cache mount"],
  },
  {
    name: "c. copied, then the step fails",
    lines: [`${MOUNT} ${READ} > /copy; exit 3`],
    fails: true,
    told: [],
    disk: [],
  },
  {
    name: "d. build argument, used",
    lines: ["ARG V", 'RUN test -n "$V"'],
    told: ["save", "history"],
    disk: ["image config"],
  },
  { name: "d. build argument, not declared", lines: ["RUN true"], told: [], disk: [] },
  {
    name: "d. ARG to ENV",
    lines: ["ARG V", "ENV W=$V"],
    told: ["save", "history", "inspect"],
    disk: ["image config"],
  },
  {
    name: "e. literal",
    lines: ["RUN echo '$V' >/dev/null"],
    told: ["save", "history"],
    disk: ["uploaded Dockerfile", "image config", "metadata_v2.db"],
  },
];

let world: World;
let marker: string;
const values = new Map<string, string>();
beforeAll(async () => {
  world = await makeWorld();
  marker = await world.write("../marker", "");
});
afterAll(async () => {
  await dockerCli(["rmi", "-f", ...CASES.map(tagOf)]);
  await world[Symbol.asyncDispose]();
});

function tagOf(_case: Case, index: number): string {
  return `smtest-leak-${process.pid}-${index}`;
}

interface Outcome {
  readonly error: unknown;
  /** All that the user saw. */
  readonly said: string;
}

async function buildOf(one: Case, value: string, tag: string): Promise<Outcome> {
  const events: BuildEvent[] = [];
  const isLiteral = one.name.startsWith("e.");
  const lines = one.lines.map((line) => (isLiteral ? line.replace("$V", value) : line));
  await world.write("Dockerfile", [`FROM ${BASE}`, ...lines, `# ${randomUUID()}`, ""].join("\n"));
  const o: BuildOptions = {
    engine: await theEngine(),
    context: ".",
    cwd: world.cwd,
    env: {},
    secrets: secretsOf({ v: value }),
    tags: [tag],
    network: "none",
    noCache: true,
    ...(one.name.startsWith("d.") && { buildArgs: [`V=${value}`] }),
    mask: (text) => text.replaceAll(value, "***").replaceAll(base64(value), "***"),
    onProgress: (event) => events.push(event),
  };
  const error: unknown = await build(o).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return { error, said: JSON.stringify([events, error, String(error)]) };
}

function base64(value: string): string {
  return Buffer.from(value).toString("base64");
}

function isContainerd(): boolean {
  return testEngine().variant.endsWith("containerd");
}

/** Everything in `docker save`, layers unpacked. */
async function savedFiles(tag: string): Promise<Buffer> {
  const entries = extract();
  entries.end(await buffer(await (await theEngine()).saveImage(tag)));
  const files: Buffer[] = [];
  for await (const entry of entries) files.push(unzipped(await buffer(entry)));
  return Buffer.concat(files);
}

async function toldOf(tag: string, value: string): Promise<string[]> {
  const said = {
    save: await savedFiles(tag),
    history: await dockerOut(["history", "--no-trunc", tag]),
    inspect: await dockerOut(["image", "inspect", tag]),
  };
  return Object.entries(said).flatMap(([name, text]) =>
    leaksIn(text, [value]).length > 0 ? [name] : [],
  );
}

describe("IT13: a secret that is", () => {
  it.for(CASES.map((one, index) => ({ ...one, index })))("$name", async (one, context) => {
    await needsEngine(context, one.since ?? [0, 0], "this kind of mount");
    const value = canary(`leak${one.index}`);
    values.set(one.name, value);
    const tag = tagOf(one, one.index);
    const { error, said } = await buildOf(one, value, tag);
    if (one.fails === undefined) expect(error).toBeNull();
    else expect(error).toMatchObject({ code: "BUILD_FAILED" });
    if (one.name.startsWith("b.")) expect(said).toContain("***");
    if (!/^[de]\./.test(one.name)) expect(leaksIn(said, [value])).toEqual([]);
    if (one.fails === undefined) expect(await toldOf(tag, value)).toEqual(one.told);
  });
});

it("is on the engine's disk where the table says, and nowhere else", async (context) => {
  const { dataRoot } = testEngine();
  needsOwnEngine(context);
  expect(values.size).toBeGreaterThan(CASES.length - 2);
  // a failed step's files are removed a moment later
  await sleep(2_000);
  const found = await findEachOnDisk(dataRoot, [...values.values()], marker);
  const table = [...values].map(async ([name, value]) => {
    const places = (found.get(value) ?? []).map(async (path) => placeOf(dataRoot, path));
    return [name, [...new Set(await Promise.all(places))].toSorted()];
  });
  const wanted = CASES.filter(({ name }) => values.has(name)).map((one) => [
    one.name,
    isContainerd() ? inContainerd(one) : one.disk.toSorted(),
  ]);
  expect(await Promise.all(table)).toEqual(wanted);
});

/** containerd keeps a layer unpacked and, when it is part of an image, also as what it would push. */
function inContainerd({ told, disk }: Case): Place[] {
  const isSaved = disk.includes("layer") && told.includes("save");
  return [...disk, ...(isSaved ? (["compressed layer"] as const) : [])].toSorted();
}

async function placeOf(root: string, path: string): Promise<string> {
  if (path.endsWith("/in-cache-mount")) return "cache mount";
  if (path.endsWith("/Dockerfile")) return "uploaded Dockerfile";
  if (/^(?:overlay2\/\w+\/diff|.*\/snapshots\/\d+\/fs)\//.test(path)) return "layer";
  if (/(?:^image\/.*\/imagedb\/content|\/blobs)\/sha256\//.test(path)) {
    const bytes = await readFile(join(root, path));
    if (bytes.subarray(0, 2).toString("hex") === "1f8b") return "compressed layer";
    if (bytes.toString().startsWith('{"architecture"')) return "image config";
  }
  return path.replace(/^buildkit\/(?:containerd-overlayfs\/)?/, "");
}
