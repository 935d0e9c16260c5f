import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { hexOf } from "../../../../src/session/content/digest.ts";
import { contentService } from "../../../../src/session/content/service.ts";
import { ContentStore } from "../../../../src/session/content/store.ts";
import {
  bytesOf,
  numberOf,
  readFields,
  textOf,
  writeFields,
} from "../../../../src/session/protobuf.ts";
import { makeWorld, type World } from "../../../support/temp.ts";
import { Conversation, served } from "../served.ts";

const SERVICE = "/containerd.services.content.v1.Content";
const STAT = 0;
const WRITE = 1;
const COMMIT = 2;

const OK = "0";
const INVALID = "3";
const NOT_FOUND = "5";
const EXISTS = "6";
const DENIED = "7";
const PRECONDITION = "9";
const OUT_OF_RANGE = "11";
const UNAVAILABLE = "14";

const digestOf = (text: string | Buffer): string =>
  `sha256:${createHash("sha256").update(text).digest("hex")}`;

interface Rig {
  readonly world: World;
  readonly failures: Error[];
  call(method: string, id: string): Conversation;
  /** One request to its end. */
  ask(
    method: string,
    request: Buffer,
    id?: string,
  ): Promise<{ readonly status: string; readonly answers: Buffer[] }>;
}

/** Two stores: `local:w` may be written, `oci:r` only read. */
async function rig(): Promise<Rig & AsyncDisposable> {
  const world = await makeWorld();
  const failures: Error[] = [];
  const stores = new Map([
    ["local:w", new ContentStore({ root: join(world.cwd, "w"), writable: true })],
    ["oci:r", new ContentStore({ root: join(world.cwd, "r"), writable: false })],
  ]);
  const onFailure = (error: Error): void => void failures.push(error);
  const client = served(contentService(stores, { onFailure }));
  const call = (method: string, id: string): Conversation =>
    new Conversation(client, `${SERVICE}/${method}`, { "buildkit-attachable-store-id": id });
  return {
    world,
    failures,
    call,
    async ask(method, request, id = "local:w") {
      const talk = call(method, id);
      talk.send(request);
      talk.stream.end();
      const { status } = await talk.status();
      const answers: Buffer[] = [];
      for (;;) {
        const next = await Promise.race([talk.next(), Promise.resolve(null)]);
        if (next === null) break;
        answers.push(next);
      }
      return { status, answers };
    },
    [Symbol.asyncDispose]: async () => world[Symbol.asyncDispose](),
  };
}

const writing = (
  action: number,
  o: { ref?: string; total?: number; expected?: string; offset?: number; data?: string | Buffer },
): Buffer =>
  writeFields([
    [1, action],
    [2, o.ref],
    [3, o.total],
    [4, o.expected],
    [5, o.offset],
    [6, o.data],
  ]);

const fieldsOf = (bytes: Buffer): Map<number, number | Buffer> =>
  new Map([...readFields(bytes)].map(({ number, value }) => [number, value]));

/** Puts a blob into a layout by hand. */
async function blob(world: World, store: string, content: string | Buffer): Promise<string> {
  const dir = join(world.cwd, store, "blobs", "sha256");
  await mkdir(dir, { recursive: true });
  const digest = digestOf(content);
  await writeFile(join(dir, hexOf(digest) ?? ""), content);
  return digest;
}

describe("digests", () => {
  it.each([
    "sha256:abc",
    `sha512:${"a".repeat(64)}`,
    `sha256:${"A".repeat(64)}`,
    `sha256:${"a".repeat(63)}/`,
    `sha256:../../../${"a".repeat(55)}`,
    `sha256:${"a".repeat(64)}\n`,
    ` sha256:${"a".repeat(64)}`,
    "",
  ])("%j is none", async (digest) => {
    expect(hexOf(digest)).toBeNull();
    await using r = await rig();
    for (const method of ["Info", "Read", "Delete"]) {
      expect((await r.ask(method, writeFields([[1, digest]]))).status).toBe(INVALID);
    }
    const update = writeFields([[1, writeFields([[1, digest]])]]);
    expect((await r.ask("Update", update)).status).toBe(INVALID);
    if (digest === "") return;
    const begin = writing(STAT, { ref: "x", expected: digest });
    expect((await r.ask("Write", begin)).status).toBe(INVALID);
  });

  it("whatever it is, it names no path", () => {
    const part = fc.constantFrom("sha256:", "..", "/", "a".repeat(64), "\0", "\n", "0", "blobs");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const hex = hexOf(parts.join(""));
        expect(hex === null || /^[0-9a-f]{64}$/.test(hex)).toBe(true);
      }),
    );
  });
});

describe("reading", () => {
  it("tells and sends what is there", async () => {
    await using r = await rig();
    const content = Buffer.alloc(700_000, "0123456789");
    const digest = await blob(r.world, "r", content);
    const info = await r.ask("Info", writeFields([[1, digest]]), "oci:r");
    const found = fieldsOf(bytesOf(fieldsOf(info.answers[0] ?? Buffer.alloc(0)).get(1) ?? 0));
    expect([textOf(found.get(1) ?? 0), numberOf(found.get(2) ?? 0)]).toEqual([digest, 700_000]);
    const parts = async (offset: number, size: number): Promise<Buffer> => {
      const request = writeFields([
        [1, digest],
        [2, offset],
        [3, size],
      ]);
      const { status, answers } = await r.ask("Read", request, "oci:r");
      expect(status).toBe(OK);
      return Buffer.concat(answers.map((one) => bytesOf(fieldsOf(one).get(2) ?? 0)));
    };
    expect((await parts(0, 0)).equals(content)).toBe(true);
    expect((await parts(5, 3)).toString()).toBe("567");
    expect((await parts(699_998, 100)).toString()).toBe("89");
    expect((await parts(700_000, 1)).length).toBe(0);
    const beyond = writeFields([
      [1, digest],
      [2, 700_001],
    ]);
    expect((await r.ask("Read", beyond, "oci:r")).status).toBe(OUT_OF_RANGE);
    expect(r.failures).toEqual([]);
  });

  it("one store's blobs are not in another, and an unknown id has none", async () => {
    await using r = await rig();
    const digest = await blob(r.world, "r", "only there");
    const request = writeFields([[1, digest]]);
    expect((await r.ask("Info", request, "oci:r")).status).toBe(OK);
    for (const id of ["local:w", "local:r", "oci:w", "", "oci:../r"]) {
      expect((await r.ask("Info", request, id)).status).toBe(NOT_FOUND);
      expect((await r.ask("Read", request, id)).status).toBe(NOT_FOUND);
    }
  });

  it("follows no link, out of the layout or within it", async () => {
    await using r = await rig();
    const outside = digestOf("outside");
    const hex = hexOf(outside) ?? "";
    await r.world.write("outside", "outside");
    await mkdir(join(r.world.cwd, "r", "blobs", "sha256"), { recursive: true });
    await symlink(join(r.world.cwd, "outside"), join(r.world.cwd, "r", "blobs", "sha256", hex));
    await blob(r.world, "elsewhere", "outside");
    await mkdir(join(r.world.cwd, "w", "blobs"), { recursive: true });
    await symlink(
      join(r.world.cwd, "elsewhere", "blobs", "sha256"),
      join(r.world.cwd, "w", "blobs", "sha256"),
    );
    for (const id of ["oci:r", "local:w"]) {
      expect((await r.ask("Info", writeFields([[1, outside]]), id)).status).toBe(NOT_FOUND);
      expect((await r.ask("Read", writeFields([[1, outside]]), id)).status).toBe(NOT_FOUND);
    }
    const begin = await r.ask("Write", writing(STAT, { ref: "x" }));
    expect(begin.status).not.toBe(OK);
    expect(r.failures).toMatchObject([{ code: "BUILD_OUTPUT" }]);
  });

  it("lists what is there, in pages, and nothing else", async () => {
    await using r = await rig();
    const digests: string[] = [];
    for (let at = 0; at < 120; at += 1) digests.push(await blob(r.world, "r", `blob ${at}`));
    await writeFile(join(r.world.cwd, "r", "blobs", "sha256", "stray"), "x");
    const { status, answers } = await r.ask("List", Buffer.alloc(0), "oci:r");
    expect([status, answers.length]).toEqual([OK, 2]);
    const listed = answers.flatMap((page) =>
      [...readFields(page)].map(({ value }) => textOf(fieldsOf(bytesOf(value)).get(1) ?? 0)),
    );
    expect(listed.toSorted()).toEqual(digests.toSorted());
  });
});

describe("writing", () => {
  it("gives a blob its name when it is whole", async () => {
    await using r = await rig();
    const expected = digestOf("one two");
    const talk = r.call("Write", "local:w");
    talk.send(writing(STAT, { ref: "layer", total: 7, expected }));
    expect(numberOf(fieldsOf(await talk.next()).get(4) ?? 0)).toBe(0);
    talk.send(writing(WRITE, { data: "one " }));
    expect(numberOf(fieldsOf(await talk.next()).get(4) ?? 0)).toBe(4);
    const status = await r.ask("Status", writeFields([[1, "layer"]]));
    const now = fieldsOf(bytesOf(fieldsOf(status.answers[0] ?? Buffer.alloc(0)).get(1) ?? 0));
    expect([now.get(4), now.get(5)]).toEqual([4, 7]);
    expect((await r.ask("ListStatuses", Buffer.alloc(0))).answers.length).toBe(1);
    expect((await r.ask("Info", writeFields([[1, expected]]))).status).toBe(NOT_FOUND);
    talk.send(writing(COMMIT, { offset: 4, data: "two", total: 7, expected }));
    const last = fieldsOf(await talk.next());
    expect([last.get(1), last.get(4), textOf(last.get(6) ?? 0)]).toEqual([COMMIT, 7, expected]);
    expect((await talk.status()).status).toBe(OK);
    const path = join(r.world.cwd, "w", "blobs", "sha256", hexOf(expected) ?? "");
    expect(await readFile(path, "utf8")).toBe("one two");
    expect((await stat(path)).mode & 0o222).toBe(0);
    expect(await readdir(join(r.world.cwd, "w", "ingest"))).toEqual([]);
    expect((await r.ask("Status", writeFields([[1, "layer"]]))).status).toBe(NOT_FOUND);
    const again = await r.ask("Write", writing(STAT, { ref: "other", expected }));
    expect(again.status).toBe(EXISTS);
  });

  it.each([
    ["another digest", { data: "wrong", expected: digestOf("right") }, PRECONDITION],
    ["another size", { data: "short", total: 6 }, PRECONDITION],
    ["a gap", { data: "x", offset: 5 }, OUT_OF_RANGE],
  ])("%s leaves nothing behind", async (_name, o, expected) => {
    await using r = await rig();
    const commit = await r.ask("Write", writing(COMMIT, { ref: "x", ...o }));
    expect(commit.status).toBe(expected);
    expect(await readdir(join(r.world.cwd, "w", "ingest"))).toEqual([]);
    expect(await readdir(join(r.world.cwd, "w", "blobs", "sha256"))).toEqual([]);
    expect(r.failures).toEqual([]);
  });

  it("begins anew at offset 0", async () => {
    await using r = await rig();
    const talk = r.call("Write", "local:w");
    talk.send(writing(WRITE, { ref: "x", data: "wrong start" }));
    await talk.next();
    const expected = digestOf("right");
    talk.send(writing(COMMIT, { offset: 0, data: "right", expected }));
    expect(textOf(fieldsOf(await talk.next()).get(6) ?? 0)).toBe(expected);
  });

  it("one writer a ref; an aborted or cut one leaves nothing", async () => {
    await using r = await rig();
    const ingest = join(r.world.cwd, "w", "ingest");
    const talk = r.call("Write", "local:w");
    talk.send(writing(WRITE, { ref: "x", data: "some" }));
    await talk.next();
    expect((await r.ask("Write", writing(STAT, { ref: "x" }))).status).toBe(UNAVAILABLE);
    expect((await r.ask("Abort", writeFields([[1, "x"]]))).status).toBe(OK);
    expect(await readdir(ingest)).toEqual([]);
    talk.send(writing(WRITE, { offset: 4, data: "more" }));
    expect((await talk.status()).status).toBe(PRECONDITION);
    const cut = r.call("Write", "local:w");
    cut.send(writing(WRITE, { ref: "x", data: "some" }));
    await cut.next();
    expect((await readdir(ingest)).length).toBe(1);
    cut.stream.destroy();
    await expect.poll(async () => readdir(ingest)).toEqual([]);
  });

  it("a store that is only read stays as it is", async () => {
    await using r = await rig();
    const digest = await blob(r.world, "r", "theirs");
    const before = await readdir(r.world.cwd, { recursive: true });
    const requests: [string, Buffer][] = [
      ["Write", writing(COMMIT, { ref: "x", data: "x" })],
      ["Abort", writeFields([[1, "x"]])],
      ["Delete", writeFields([[1, digest]])],
    ];
    for (const [method, request] of requests)
      expect([method, (await r.ask(method, request, "oci:r")).status]).toEqual([method, DENIED]);
    expect(await readdir(r.world.cwd, { recursive: true })).toEqual(before);
  });

  it("deletes only what this build has written", async () => {
    await using r = await rig();
    const theirs = writeFields([[1, await blob(r.world, "w", "theirs")]]);
    await r.ask("Write", writing(COMMIT, { ref: "x", data: "ours" }));
    const ours = writeFields([[1, digestOf("ours")]]);
    expect((await r.ask("Delete", theirs)).status).toBe(DENIED);
    expect((await r.ask("Delete", ours)).status).toBe(OK);
    expect((await r.ask("Info", ours)).status).toBe(NOT_FOUND);
    expect((await r.ask("Info", theirs)).status).toBe(OK);
    const labels = writeFields([[1, theirs]]);
    expect((await r.ask("Update", labels)).status).toBe(PRECONDITION);
  });

  it("says why a folder can't be written, without its path", async () => {
    await using r = await rig();
    await r.world.write("w", "a file, where a folder should be");
    expect((await r.ask("Write", writing(STAT, { ref: "x" }))).status).toBe("13");
    expect(r.failures).toMatchObject([{ code: "BUILD_OUTPUT" }]);
    expect(r.failures[0]?.message).not.toContain(r.world.root);
  });

  it("takes any pieces, in whatever cut", async () => {
    await using r = await rig();
    const pieces = fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(pieces, async (parts) => {
        const all = Buffer.concat(parts);
        const expected = digestOf(all);
        const talk = r.call("Write", "local:w");
        let offset = 0;
        for (const part of parts) {
          talk.send(writing(WRITE, { ref: "any", offset, data: Buffer.from(part) }));
          offset += part.length;
          await talk.next();
        }
        talk.send(writing(COMMIT, { offset, expected }));
        const { status } = await talk.status();
        expect([OK, EXISTS]).toContain(status);
        const path = join(r.world.cwd, "w", "blobs", "sha256", hexOf(expected) ?? "");
        expect((await readFile(path)).equals(all)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});
