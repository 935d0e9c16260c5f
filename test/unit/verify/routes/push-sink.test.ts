import { request } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Blobs } from "../../../../src/verify/blobs.ts";
import { PushSink } from "../../../../src/verify/routes/push-sink.ts";
import { digestOf, tar } from "../archives.ts";
import { blobsFor } from "./context.ts";

const CANARY = "push-canary-0123456789";

interface World {
  readonly blobs: Blobs;
  readonly sink: PushSink;
  /** Of the repository. */
  readonly base: string;
}

async function open(): Promise<World> {
  const blobs = blobsFor(CANARY);
  const sink = await PushSink.open(blobs);
  onTestFinished(async () => sink.close());
  const [host = "", name = ""] = sink.repository.split("/");
  return { blobs, sink, base: `http://${host}/v2/${name}` };
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
}

async function send(method: string, url: string, body?: Buffer): Promise<Answer> {
  const { status, headers } = await fetch(url, {
    method,
    ...(body && { body: new Uint8Array(body) }),
  });
  return { status, headers };
}

async function begin(base: string, query = ""): Promise<string> {
  const { status, headers } = await send("POST", `${base}/blobs/uploads/${query}`);
  expect(status).toBe(202);
  return new URL(headers.get("location") ?? "", base).href;
}

describe("the registry that a push goes into", () => {
  it("listens on the loopback alone, under a name that nobody can guess", async () => {
    const { sink, base } = await open();
    expect(sink.repository).toMatch(/^127\.0\.0\.1:\d+\/sealmount-[0-9a-f]{32}$/u);
    expect((await send("GET", base.replace(/\/sealmount-.*/u, "/"))).status).toBe(200);
  });

  it.each([
    ["GET", "/manifests/verify"],
    ["HEAD", "/manifests/verify"],
    ["DELETE", "/manifests/verify"],
    ["GET", "/tags/list"],
    ["GET", "/blobs/sha256:0"],
    ["DELETE", "/blobs/sha256:0"],
    ["HEAD", "/blobs/../../../etc/passwd"],
    ["GET", "/blobs/uploads/"],
    ["PATCH", "/blobs/uploads/0"],
    ["PUT", "/blobs/uploads/0?digest=sha256:0"],
    ["POST", "/blobs/uploads/0/1"],
    ["GET", "/../../_catalog"],
  ])("refuses %s %s", async (method, path) => {
    const { base, blobs } = await open();
    expect((await send(method, base + path)).status).toBe(404);
    expect(blobs.all).toEqual([]);
  });

  it("refuses every other repository", async () => {
    const { base } = await open();
    const other = base.replace(/.$/u, (last) => (last === "0" ? "1" : "0"));
    expect((await send("POST", `${other}/blobs/uploads/`)).status).toBe(404);
    expect((await send("PUT", `${other}/manifests/verify`, Buffer.from("{}"))).status).toBe(404);
  });

  it("takes no more blobs and manifests than an image has", async () => {
    const blobs = blobsFor(CANARY);
    const sink = await PushSink.open(blobs, { limit: 3 });
    onTestFinished(async () => sink.close());
    const [host = "", name = ""] = sink.repository.split("/");
    const base = `http://${host}/v2/${name}`;
    for (let i = 0; i < 2; i++) await begin(base);
    expect((await send("PUT", `${base}/manifests/verify`, Buffer.from("{}"))).status).toBe(201);
    expect((await send("PUT", `${base}/manifests/verify`, Buffer.from("[]"))).status).toBe(429);
    expect((await send("POST", `${base}/blobs/uploads/`)).status).toBe(429);
    expect(blobs.all).toHaveLength(1);
  });

  it("takes a blob by PATCH and PUT, or by PUT alone, and searches it", async () => {
    const { base, blobs } = await open();
    const first = await tar({ a: `x ${CANARY}` });
    const second = await tar({ b: "nothing" });
    const place = await begin(base, "?mount=sha256:0&from=library/other");
    const patched = await send("PATCH", place, first);
    expect([patched.status, patched.headers.get("range")]).toEqual([202, `0-${first.length - 1}`]);
    expect((await send("PUT", `${place}?digest=${digestOf(first)}`)).status).toBe(201);
    const put = await send("PUT", `${await begin(base)}?digest=${digestOf(second)}`, second);
    expect(put.status).toBe(201);
    expect(blobs.all.map(({ name, trouble }) => [name, trouble])).toEqual([
      [`blobs/${digestOf(first).replace(":", "/")}`, undefined],
      [`blobs/${digestOf(second).replace(":", "/")}`, undefined],
    ]);
    expect(blobs.all.map(({ log }) => log.places.length)).toEqual([1, 0]);
    // and has it from now on
    for (const blob of [first, second]) {
      const head = await send("HEAD", `${base}/blobs/${digestOf(blob)}`);
      expect([head.status, head.headers.get("content-length")]).toEqual([200, `${blob.length}`]);
    }
    expect((await send("HEAD", `${base}/blobs/${digestOf(Buffer.from("?"))}`)).status).toBe(404);
  });

  it("takes several blobs that come at a time", async () => {
    const { base, blobs } = await open();
    const all = await Promise.all(
      Array.from({ length: 6 }, async (_, i) => tar({ [`f${i}`]: Buffer.alloc(400_000 + i, "y") })),
    );
    const statuses = await Promise.all(
      all.map(async (blob) => {
        const place = await begin(base);
        await send("PATCH", place, blob);
        return (await send("PUT", `${place}?digest=${digestOf(blob)}`)).status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([201]));
    expect(blobs.all.map(({ kind, trouble }) => [kind, trouble])).toEqual(
      all.map(() => ["tar", undefined]),
    );
  });

  it("refuses a blob that is another than its name says, and a second piece", async () => {
    const { base } = await open();
    const place = await begin(base);
    await send("PATCH", place, Buffer.from("one"));
    const wrong = digestOf(Buffer.from("two"));
    expect((await send("PUT", `${place}?digest=${wrong}`)).status).toBe(400);
    expect((await send("HEAD", `${base}/blobs/${wrong}`)).status).toBe(404);
    const other = await begin(base);
    await send("PATCH", other, Buffer.from("one"));
    await expect(send("PATCH", other, Buffer.from("two"))).rejects.toThrow("fetch failed");
  });

  it("marks a blob that breaks off", async () => {
    const { base, blobs } = await open();
    const place = await begin(base);
    const sent = request(place, { method: "PATCH" });
    sent.on("error", () => undefined);
    sent.write("some bytes");
    await expect.poll(() => sent.socket?.bytesWritten ?? 0).toBeGreaterThan(10);
    sent.destroy();
    await expect.poll(() => blobs.all.map(({ trouble }) => trouble)).toEqual([expect.any(String)]);
  });

  it("takes manifests by tag and digest; the one with the tag is the root", async () => {
    const { base, blobs, sink } = await open();
    const manifest = Buffer.from(JSON.stringify({ layers: [] }));
    const index = Buffer.from(JSON.stringify({ manifests: [{ digest: digestOf(manifest) }] }));
    const put = async (name: string, bytes: Buffer): Promise<number> =>
      (await send("PUT", `${base}/manifests/${name}`, bytes)).status;
    expect(await put(digestOf(manifest), manifest)).toBe(201);
    expect(sink.root).toBeUndefined();
    expect(await put("verify", index)).toBe(201);
    expect(sink.root).toBe(digestOf(index));
    expect(blobs.all.map(({ kind }) => kind)).toEqual(["json", "json"]);
    expect(await put(digestOf(index), manifest)).toBe(400);
    expect(await put("verify", Buffer.alloc(4 * 1024 * 1024 + 1))).toBe(413);
    expect(sink.root).toBe(digestOf(index));
  });

  it("is gone when it is closed", async () => {
    const { base, sink } = await open();
    await sink.close();
    await sink.close();
    await expect(send("GET", base)).rejects.toThrow("fetch failed");
  });
});
