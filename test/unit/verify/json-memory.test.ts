import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { makeWorld } from "../../support/temp.ts";
import { ociMembers, tar } from "./archives.ts";
import type { Members } from "./archives.ts";
import { measureVerify } from "./measure.ts";

/** What verify may take, whatever the image. */
const MEGABYTES = 200;

const CANARY = "json-memory-canary-value-07";
const MIB = 1024 * 1024;

/** As many documents as are taken apart of one image, and some more. */
const DOCUMENTS = 5;
const VALUES = 900_000;

let count = 0;
const name = (): string => (count++).toString(36);

function list(length: number, make: () => string): string {
  return `[${Array.from({ length }, make).join()}]`;
}

/** Each took 400 to 1,300 MB when it was made objects of. */
it.each([
  ["objects with names of their own", () => list(VALUES, () => `{"${name()}":0}`)],
  ["empty objects", () => list(VALUES * 4, () => "{}")],
  ["short strings", () => list(VALUES, () => `"${name()}"`)],
  ["strings with an escape", () => list(VALUES, () => String.raw`"\n${name()}"`)],
  ["long strings", () => list(2000, () => `"${randomBytes(6000).toString("base64")}"`)],
  [
    "objects in objects",
    () => list(VALUES / 100, () => `${`{"${name()}":`.repeat(100)}0${"}".repeat(100)}`),
  ],
])(`JSON of many %s stays within ${MEGABYTES} MB`, { timeout: 120_000 }, async (_name, make) => {
  await using world = await makeWorld();
  const members: Members = {
    ...(await ociMembers({ layers: [{ a: "1" }] })),
    "leak.json": JSON.stringify({ key: CANARY }),
    ...Object.fromEntries(
      Array.from({ length: DOCUMENTS }, (_, i) => [`${i}.json`, document(make)]),
    ),
  };
  const path = await world.write("hostile.tar", await tar(members));
  const { findings, megabytes } = await measureVerify(path, CANARY, 44);
  expect(findings).toEqual(["key"]);
  expect(megabytes).toBeLessThan(MEGABYTES);
});

/** Just short enough to be taken apart. */
function document(make: () => string): string {
  const json = make();
  if (json.length > 16 * MIB) throw new RangeError("longer than what is taken apart");
  return json;
}
