import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { afterEach, expect, it, vi } from "vitest";
import { ENCODINGS } from "../../../src/needles/needle.ts";
import { KINDS } from "../../../src/verify/members/kinds.ts";
import { BOUNDS } from "../../../src/verify/members/limits.ts";
import { archiveStream } from "../../../src/verify/sources/archive.ts";
import { searchedBy, searchedNow } from "../../../src/verify/verdicts/searched.ts";
import type { Searched } from "../../../src/verify/verdicts/searched.ts";
import { verify } from "../../../src/verify/verify.ts";
import { makeWorld } from "../../support/temp.ts";
import { ociArchive, secretsOf } from "./archives.ts";

/** The release that runs; undefined for the one that this is. */
const release = vi.hoisted((): { version: string | undefined } => ({ version: undefined }));
vi.mock(import("../../../src/verify/package-version.ts"), async (original) => {
  const { packageVersion } = await original();
  return { packageVersion: () => release.version ?? packageVersion() };
});
afterEach(() => {
  release.version = undefined;
});

it("another release searches every layer anew, the same one does not", async () => {
  await using world = await makeWorld();
  const archive = await ociArchive({ layers: [{ a: "1" }] });
  const isCached = async (): Promise<boolean> => {
    const source = archiveStream(Readable.from([archive]), "cats:1");
    const secrets = secretsOf({ KEY: "searched-canary-29" });
    const report = await verify(source, secrets, { env: world.env }).report();
    return report.layers[0]?.cached === true;
  };
  const seen: boolean[] = [];
  for (const version of ["1.0.0", "1.0.0", "1.0.1", "1.0.1"]) {
    release.version = version;
    seen.push(await isCached());
  }
  expect(seen).toEqual([false, true, false, true]);
});

it("knows this release, and whatever decides what is found", () => {
  const url = new URL("../../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(url, "utf8")) as { version: string };
  const programs = ["scan", "inflate"].map((name) => {
    const module = new URL(`../../../src/wasm/${name}.ts`, import.meta.url);
    const lines = readFileSync(module, "utf8").matchAll(/"(?<line>[A-Za-z0-9+/=]+)"/gu);
    return Array.from(lines, ({ groups }) => groups?.["line"] ?? "").join("");
  });
  const parts = { version, encodings: ENCODINGS, kinds: KINDS, bounds: BOUNDS, programs };
  expect(searchedNow()).toBe(searchedBy(parts));
});

const PARTS: Searched = {
  version: "1",
  encodings: ["raw"],
  kinds: [["1f8b08", { kind: "gzip" }]],
  bounds: { depth: 4 },
  programs: ["AGFzbQ"],
};
const CHANGES: readonly Partial<Searched>[] = [
  { version: "2" },
  { encodings: ["raw", "hex"] },
  { kinds: [["1f8b", { kind: "gzip" }]] },
  {
    kinds: [
      ["1f8b08", { kind: "gzip" }],
      ["isTar", { kind: "tar" }],
    ],
  },
  { bounds: { depth: 5 } },
  { programs: ["AGFzbR"] },
];
it.each(CHANGES)("another %o is another search", (change) => {
  expect(searchedBy({ ...PARTS, ...change })).not.toBe(searchedBy(PARTS));
});

it("tells every kind apart", () => {
  const kinds = KINDS.flatMap(([, sniffed]) =>
    sniffed !== null && "kind" in sniffed ? [sniffed.kind] : [],
  );
  const all = ["gzip", "zlib", "zstd", "xz", "bzip2", "zip", "tar", "deb", "script"];
  expect(new Set(kinds)).toEqual(new Set(all));
  expect(KINDS.every(([how]) => how.length >= 4)).toBe(true);
});
