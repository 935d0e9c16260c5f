import { randomBytes } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { verdictOf } from "../../../src/verify/model.ts";
import type { VerifyReport } from "../../../src/verify/model.ts";
import { digestOf, ociArchive, ociMembers, tar, verifyBytes } from "./archives.ts";
import { ALL_FORMS, Packer, pathOf } from "./members/pack.ts";
import type { Form } from "./members/pack.ts";

const CANARY = "blob-members-canary>>>7/öx";
const SECRETS = { KEY: CANARY };
const CONTENT = Buffer.from(`${"line of a text\n".repeat(50)}password: ${CANARY}\n`);
const MIB = 1024 * 1024;

const packer = new Packer();
afterAll(() => packer.close());

const nameOf = (blob: Buffer): string => `blobs/${digestOf(blob).replace(":", "/")}`;

interface Typed {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

const FILE = "application/vnd.example.file";
const EMPTY: Typed = {
  bytes: Buffer.from("{}"),
  mediaType: "application/vnd.oci.empty.v1+json",
};

/** An OCI artifact: files as they are, under a config that is no image's. */
async function artifact(files: readonly Typed[], config: Typed = EMPTY): Promise<Buffer> {
  const blobs: Record<string, Buffer> = {};
  const stored = ({ bytes, mediaType }: Typed): object => {
    blobs[nameOf(bytes)] = bytes;
    return { mediaType, digest: digestOf(bytes), size: bytes.length };
  };
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const manifest = json({ schemaVersion: 2, config: stored(config), layers: files.map(stored) });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifests = [stored({ bytes: manifest, mediaType })];
  return tar({ ...blobs, "index.json": json({ schemaVersion: 2, manifests }) });
}

async function searchFile(bytes: Buffer): Promise<VerifyReport> {
  return verifyBytes(await artifact([{ bytes, mediaType: FILE }]), SECRETS, 1000);
}

const placesOf = ({ findings }: VerifyReport): unknown[] =>
  findings.map(({ where, path, encoding }) => [where, path, encoding]);

describe("a blob that is no layer is opened like a file of a layer", () => {
  // blobs are decompressed as such, and a tar among them is read like a layer
  const FORMS = ALL_FORMS.filter((form) => !/^(?:gzip|zstd|tar)/u.test(form));
  it.each(FORMS)("%s", async (form) => {
    const packed = await packer.pack(CONTENT, [form]);
    const report = await searchFile(packed);
    expect(placesOf(report)).toEqual([["other", pathOf(nameOf(packed), [form]), "raw"]]);
    expect(report).toMatchObject({ unseen: [], unseenMembers: [] });
    expect(report.members.count).toBeGreaterThan(0);
    const clean = await searchFile(await packer.pack(Buffer.from("nothing to see"), [form]));
    expect(verdictOf(clean)).toBe("clean");
  });

  const NESTED: readonly (readonly [Form[], string])[] = [
    [["zip", "gzip"], "!/dir/inner"],
    [["zip", "zstd"], "!/dir/inner"],
    [["gzip", "zip"], "!/dir/inner!"],
    [["tar", "xz"], "!/dir/inner"],
    [["gzip", "gzip"], "!"],
  ];
  it.each(NESTED)("%s", async (forms, path) => {
    const packed = await packer.pack(CONTENT, forms);
    const report = await searchFile(packed);
    expect(placesOf(report).map(String)).toEqual([
      expect.stringContaining(nameOf(packed) + path) as unknown,
    ]);
    expect(report).toMatchObject({ unseen: [], unseenMembers: [] });
  });

  it("a tar is read like a layer", async () => {
    for (const forms of [
      ["gzip", "tar"],
      ["gzip", "tar", "gzip"],
    ] as const) {
      const report = await searchFile(await packer.pack(CONTENT, forms));
      expect(placesOf(report)).toEqual([["layer", "/dir/inner!", "raw"]]);
    }
  });

  it("also as a config, and what nothing names", async () => {
    const packed = await packer.pack(CONTENT, ["zip"]);
    const config = { bytes: packed, mediaType: FILE };
    const named = await verifyBytes(await artifact([], config), SECRETS);
    expect(placesOf(named)).toEqual([["config", `${nameOf(packed)}!/dir/inner`, "raw"]]);
    const members = await ociMembers({ layers: [{ a: "1" }] });
    const stray = await verifyBytes(await tar({ ...members, "notes.bin": packed }), SECRETS);
    expect(placesOf(stray)).toEqual([["other", "notes.bin!/dir/inner", "raw"]]);
  });

  it("and of an image whose layer is no tar it is still said", async () => {
    const packed = await packer.pack(CONTENT, ["zip"]);
    const report = await verifyBytes(await ociArchive({ layers: [packed] }), SECRETS);
    expect(placesOf(report)).toEqual([["other", `${nameOf(packed)}!/dir/inner`, "raw"]]);
    expect(report.unseen).toMatchObject([{ what: digestOf(packed) }]);
  });

  it("a value as it is in it, and in its members, has one place each", async () => {
    const stored = await packer.pack(CONTENT, ["zip-stored"]);
    const report = await searchFile(Buffer.concat([Buffer.from(`#!${CANARY}\n`), stored]));
    expect(report.findings.map(({ path, count }) => [path.replace(/.*\//u, "/"), count])).toEqual([
      ["/inner", 1],
      [expect.stringMatching(/^\/[0-9a-f]{64}$/u), 1],
    ]);
  });
});

describe("an artifact", () => {
  it("of files of any kind is clean, or leaks", async () => {
    const files = ["text", '{"in":"json"}', "#!/bin/sh\n"].map((text) => Buffer.from(text));
    files.push(randomBytes(5000), gzipSync("text"), zstdCompressSync("text"));
    const typed = files.map((bytes) => ({ bytes, mediaType: FILE }));
    expect(verdictOf(await verifyBytes(await artifact(typed), SECRETS))).toBe("clean");
    for (const [i, { mediaType }] of typed.entries()) {
      const leaky = { bytes: Buffer.from(`${files[i]?.toString("latin1")}${CANARY}`), mediaType };
      const report = await verifyBytes(await artifact(typed.with(i, leaky)), SECRETS);
      expect(verdictOf(report)).toBe("leak");
    }
  });

  it("with an attestation as in-toto in JSON, in clear or in a signed envelope", async () => {
    const statement = JSON.stringify({ predicate: { invocation: { env: CANARY } } });
    const payload = Buffer.from(statement).toString("base64");
    for (const text of [statement, JSON.stringify({ payload })]) {
      const mediaType = "application/vnd.dsse.envelope.v1+json";
      const plain = await verifyBytes(
        await artifact([{ bytes: Buffer.from(text), mediaType }]),
        SECRETS,
      );
      expect(plain.findings).toHaveLength(1);
      const packed = { bytes: gzipSync(text), mediaType };
      expect((await verifyBytes(await artifact([packed]), SECRETS)).findings).toHaveLength(1);
    }
  });
});

describe("what can't be opened of a blob is told", () => {
  const UNREAD: readonly (readonly [string, Buffer, string])[] = [
    ["7z", Buffer.from("377abcaf271c", "hex"), "7z is not unpacked"],
    ["a broken zip", Buffer.from("PK\x05\x06"), "a zip without its directory"],
    ["xz that is cut off", Buffer.from("fd377a585a00", "hex"), "broken or cut off"],
  ];
  it.each(UNREAD)("%s", async (_name, head, reason) => {
    const bytes = Buffer.concat([head, Buffer.alloc(1000, 1)]);
    const report = await searchFile(bytes);
    expect(report.unseenMembers).toEqual([
      {
        path: nameOf(bytes),
        layer: expect.anything() as unknown,
        reason: expect.stringContaining(reason) as unknown,
      },
    ]);
    expect(verdictOf(report)).toBe("unproved");
  });

  it("one of more than 64 MiB, which is searched as it is", async () => {
    const zip = await packer.pack(Buffer.from("x"), ["zip"]);
    const large = Buffer.concat([zip, Buffer.alloc(64 * MIB), Buffer.from(CANARY)]);
    const report = await verifyBytes(
      await artifact([{ bytes: gzipSync(large, { level: 1 }), mediaType: FILE }]),
      SECRETS,
      MIB,
    );
    expect(report.unseenMembers.map(({ reason }) => reason)).toEqual(["zip of more than 64 MiB"]);
    expect(report.findings).toMatchObject([{ offset: large.length - Buffer.byteLength(CANARY) }]);
  });

  it("a bomb", async () => {
    const bomb = gzipSync(gzipSync(Buffer.alloc(100 * MIB), { level: 9 }), { level: 9 });
    const report = await searchFile(await packer.pack(bomb, ["zip"]));
    expect(report.unseenMembers.map(({ reason }) => reason)).toEqual([
      "grows more than 1,000 times",
    ]);
  });
});
