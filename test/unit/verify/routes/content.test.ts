import { describe, expect, it, onTestFinished } from "vitest";
import type { Engine } from "../../../../src/docker/engine.ts";
import { decodeRead, encodeInfos, encodeRead } from "../../../../src/session/content/messages.ts";
import { frameOf } from "../../../../src/session/grpc.ts";
import { parsed } from "../../../../src/verify/json.ts";
import { resolveImages } from "../../../../src/verify/manifests.ts";
import { contentRoute } from "../../../../src/verify/routes/content.ts";
import { RouteError } from "../../../../src/verify/routes/route.ts";
import { digestOf, tar } from "../archives.ts";
import { blobsFor } from "./context.ts";
import { grpcEngine, reply } from "./grpc-engine.ts";
import type { GrpcCall } from "./grpc-engine.ts";

const CANARY = "content-canary-0123456789";

/** What is wrong with a store. */
interface Fault {
  readonly missing?: string;
  /** Sends only a part of it, and says that this is all. */
  readonly short?: string;
  /** Loses the connection in the middle of it. */
  readonly cut?: string;
  readonly refuses?: boolean;
  /** Never answers `POST /grpc`, or one of two calls about a blob; in the middle of it, too. */
  readonly hangs?: "connection" | "Info" | "Read" | "middle";
  readonly driver?: string;
  /** The engine knows the image no more. */
  readonly isGone?: boolean;
}

interface Image {
  readonly blobs: ReadonlyMap<string, Buffer>;
  readonly index: string;
  readonly manifest: string;
  readonly layer: string;
}

async function imageOf(): Promise<Image> {
  const blobs = new Map<string, Buffer>();
  const store = (value: Buffer | object): { digest: string } => {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
    blobs.set(digestOf(bytes), bytes);
    return { digest: digestOf(bytes) };
  };
  const layer = await tar({ key: CANARY, big: Buffer.alloc(3_000_000, "z") });
  const config = store({ os: "linux", rootfs: { diff_ids: [digestOf(layer)] } });
  const manifest = store({ config, layers: [store(layer)] });
  const elsewhere = {
    digest: `sha256:${"0".repeat(64)}`,
    platform: { os: "linux", architecture: "arm64" },
  };
  const index = store({ manifests: [manifest, elsewhere] });
  return { blobs, index: index.digest, manifest: manifest.digest, layer: digestOf(layer) };
}

/** An engine with a store, over a real socket. */
async function engineOf({ blobs }: Image, fault: Fault): Promise<Engine> {
  const answer = ({ method, request, stream, cut }: GrpcCall): void => {
    const { digest } = decodeRead(request);
    const blob = digest === fault.missing ? undefined : blobs.get(digest);
    if (method === fault.hangs) return;
    if (blob === undefined) reply(stream, [], 5);
    else if (method === "Info")
      reply(stream, [encodeInfos([{ digest, size: blob.length, changed: new Date(0) }])]);
    else if (fault.hangs === "middle") {
      stream.respond({ ":status": 200 });
      stream.write(frameOf(encodeRead(0, blob.subarray(0, -1))));
    } else if (digest === fault.short) reply(stream, [encodeRead(0, blob.subarray(0, -1))]);
    else if (digest === fault.cut) {
      stream.respond({ ":status": 200 });
      stream.write(frameOf(encodeRead(0, blob.subarray(0, 1_000_000))));
      setTimeout(cut, 50);
    } else reply(stream, [encodeRead(0, blob)]);
  };
  return grpcEngine(answer, {
    driver: fault.driver ?? "io.containerd.snapshotter.v1",
    image: fault.isGone === true ? null : { Id: "" },
    refuses: fault.refuses === true,
    hangs: fault.hangs === "connection",
  });
}

/** Reads the image; what can't be seen of it then. */
async function read(image: Image, fault: Fault = {}): Promise<readonly (readonly string[])[]> {
  const blobs = blobsFor(CANARY);
  const engine = await engineOf(image, fault);
  const silenceMs = fault.hangs === undefined ? 20_000 : 300;
  const open = await contentRoute(engine, image.index, { silenceMs }).open();
  onTestFinished(() => open.close());
  await open.read(blobs);
  const { unseen, absent, images } = resolveImages(blobs, open);
  expect(absent).toContain("linux/arm64");
  if (unseen.length === 0) expect(images[0]?.layers[0]?.blob?.log.places).toHaveLength(1);
  return unseen.map(({ what, reason }) => [what, reason]);
}

describe("blobs from containerd's store", () => {
  it("are read from the image's digest on, and other platforms are named", async () => {
    const image = await imageOf();
    expect(parsed(image.blobs.get(image.index) ?? Buffer.alloc(0))).toBeDefined();
    expect(await read(image)).toEqual([]);
  });

  it("one that the store lacks is not read, so never clean", async () => {
    const image = await imageOf();
    expect(await read(image, { missing: image.layer })).toEqual([
      [image.layer, expect.any(String)],
    ]);
    expect(await read(image, { missing: image.manifest })).not.toEqual([]);
  });

  it("of an image that is removed meanwhile prove nothing", async () => {
    const image = await imageOf();
    expect(await read(image, { isGone: true })).toEqual([
      ["archive", "the image was removed meanwhile"],
    ]);
  });

  it.each(["short", "cut"] as const)(
    "one that comes %s is a reason for another way",
    async (kind) => {
      const image = await imageOf();
      await expect(read(image, { [kind]: image.layer })).rejects.toBeInstanceOf(RouteError);
    },
  );

  it.each(["connection", "Info", "Read", "middle"] as const)(
    "are not waited for without an end: %s",
    async (hangs) => {
      await expect(read(await imageOf(), { hangs })).rejects.toBeInstanceOf(RouteError);
    },
  );

  it.each<[string, Fault]>([
    ["another store", { driver: "overlay2" }],
    ["a refusal of /grpc", { refuses: true }],
  ])("can't be had with %s", async (_name, fault) => {
    await expect(read(await imageOf(), fault)).rejects.toBeInstanceOf(RouteError);
  });
});
