import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, it, onTestFinished } from "vitest";

import { findPlaintext, guardNeedles, type TravellingFile } from "../../../src/build/guard.ts";
import { within } from "../../../src/build/guard-places.ts";
import { type ContextFile, travellingFiles } from "../../../src/build/guard-files.ts";
import { wipeNeedles } from "../../../src/needles/needle.ts";
import { NeedleTable } from "../../../src/needles/table.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { makeWorld, type World } from "../../support/temp.ts";

const VALUE = "canary-77b1-Ostrich/Plum";

async function world(): Promise<World> {
  const made = await makeWorld();
  onTestFinished(async () => made[Symbol.asyncDispose]());
  return made;
}

async function entry(folder: string, path: string, content: string | Buffer): Promise<ContextFile> {
  const absolute = join(folder, path);
  await writeFile(absolute, content);
  return { path, absolute, size: Buffer.byteLength(content) };
}

async function placesIn(entries: readonly ContextFile[]): Promise<unknown[]> {
  const needles = guardNeedles([Secret.take("S", Buffer.from(VALUE))]);
  onTestFinished(() => wipeNeedles(needles));
  const found = await findPlaintext(new NeedleTable(needles), { files: travellingFiles(entries) });
  return found.map(({ place }) => place);
}

it("IT3: finds secrets in small and in large files, on their lines", async () => {
  const { cwd } = await world();
  const large = `${"x".repeat(99)}\n`.repeat(30_000);
  const entries = [
    await entry(cwd, "empty", ""),
    await entry(cwd, ".env", `A=1\nB=${VALUE}\n`),
    await entry(cwd, "large", `${large}${VALUE}\n`),
    // across the border of two chunks
    await entry(cwd, "seam", `${"\n".repeat(1024 * 1024 - 5)}${VALUE}`),
  ];
  expect(await placesIn(entries)).toEqual([
    { file: ".env", line: 2 },
    { file: "large", line: 30_001 },
    { file: "seam", line: 1024 * 1024 - 4 },
  ]);
});

it("passes over what can't be read: the upload tells that", async () => {
  const { cwd } = await world();
  const gone = await entry(cwd, "gone", VALUE);
  const goneLarge = { ...(await entry(cwd, "gone-large", VALUE)), size: 1_000_000 };
  await Promise.all([rm(gone.absolute), rm(goneLarge.absolute)]);
  await mkdir(join(cwd, "folder"));
  const folder = { path: "folder", absolute: join(cwd, "folder"), size: 0 };
  const large = { ...folder, path: "folder-large", size: 1_000_000 };
  expect(await placesIn([gone, goneLarge, folder, large])).toEqual([]);
});

it("looking for all places ends when its time is up, also inside of a file", async () => {
  const { cwd } = await world();
  const some = await entry(cwd, "f", "x".repeat(1000));
  const forever = function* (): Generator<ContextFile> {
    for (;;) yield some;
  };
  let cuts = 0;
  const start = performance.now();
  const count = async (files: AsyncIterable<TravellingFile>): Promise<number> => {
    let seen = 0;
    for await (const one of within(50, files, () => (cuts += 1)))
      for await (const chunk of one.open()) seen += chunk.length;
    return seen;
  };
  expect(await count(travellingFiles(forever()))).toBeGreaterThan(1000);
  const endless: TravellingFile = {
    path: "f",
    async *open() {
      for (;;) yield Buffer.alloc(1000);
    },
  };
  const one = async function* (): AsyncGenerator<TravellingFile> {
    yield endless;
  };
  expect(await count(one())).toBeGreaterThan(1000);
  expect([cuts > 1, performance.now() - start < 2000]).toEqual([true, true]);
  expect(await count(travellingFiles([some]))).toBe(1000);
});

it("lets timers run meanwhile", async () => {
  const { cwd } = await world();
  const some = await entry(cwd, "f", "x".repeat(100_000));
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 10);
  onTestFinished(() => clearInterval(timer));
  const start = performance.now();
  while (performance.now() - start < 300) await placesIn(Array.from({ length: 3000 }, () => some));
  expect(ticks).toBeGreaterThan(0);
});
