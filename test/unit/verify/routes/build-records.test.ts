import { randomBytes } from "node:crypto";
import type { ServerHttp2Stream } from "node:http2";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Engine } from "../../../../src/docker/engine.ts";
import { decodeRead, encodeInfos, encodeRead } from "../../../../src/session/content/messages.ts";
import { frameOf } from "../../../../src/session/grpc.ts";
import { writeFields } from "../../../../src/session/protobuf.ts";
import type { Blobs } from "../../../../src/verify/blobs.ts";
import { verdictOf } from "../../../../src/verify/model.ts";
import type { VerifyReport } from "../../../../src/verify/model.ts";
import {
  LONG_RECORD,
  NO_RECORDS,
  readBuildRecords,
} from "../../../../src/verify/routes/build-records.ts";
import type { BuildRecordOptions } from "../../../../src/verify/routes/build-records.ts";
import { EngineSource } from "../../../../src/verify/routes/engine-source.ts";
import { verify } from "../../../../src/verify/verify.ts";
import { digestOf, ociMembers, secretsOf } from "../archives.ts";
import { grpcEngine, reply } from "./grpc-engine.ts";
import type { GrpcCall } from "./grpc-engine.ts";

const CANARY = `record-${randomBytes(12).toString("hex")}`;
const MB = 1_000_000;

type Reply = (stream: ServerHttp2Stream, messages: readonly Buffer[], cut: () => void) => void;

/** What an engine keeps, and how it answers where it does so in its own way. */
interface Kept {
  /** Blobs of each build. */
  readonly builds: readonly (readonly Buffer[])[];
  /** Blobs that no record names. */
  readonly loose?: readonly Buffer[];
  readonly on?: Readonly<Record<string, Reply>>;
  readonly driver?: string;
  readonly refuses?: boolean;
}

const whole: Reply = (stream, messages) => reply(stream, messages);
const unknown: Reply = (stream) => reply(stream, [], 12);
/** Sends the first message, and nothing any more. */
const silent: Reply = (stream, [first]) => {
  stream.respond({ ":status": 200 });
  if (first !== undefined) stream.write(frameOf(first));
};
const cut: Reply = (stream, messages, lose) => {
  silent(stream, messages, lose);
  setTimeout(lose, 50);
};

function recordOf(ref: string, blobs: readonly Buffer[]): Buffer {
  const digests = blobs.map((blob) => writeFields([[2, digestOf(blob)]]));
  const record = writeFields([[1, ref], ...digests.map((one) => [9, one] as const)]);
  return writeFields([[2, record]]);
}

async function engineOf({ builds, loose = [], on = {}, ...o }: Kept): Promise<Engine> {
  const blobs = new Map([...builds.flat(), ...loose].map((blob) => [digestOf(blob), blob]));
  const changed = new Date(0);
  const messagesOf = ({ method, request }: GrpcCall): Buffer[] => {
    if (method === "ListenBuildHistory")
      return builds.map((each, index) => recordOf(`build${index}`, each));
    if (method === "List")
      return [...blobs].map(([digest, { length: size }]) =>
        encodeInfos([{ digest, size, changed }]),
      );
    const blob = blobs.get(decodeRead(request).digest) ?? Buffer.alloc(0);
    const starts = Array.from({ length: Math.ceil(blob.length / MB) }, (_, i) => i * MB);
    return starts.map((at) => encodeRead(at, blob.subarray(at, at + MB)));
  };
  return grpcEngine((call) => {
    (on[call.method] ?? whole)(call.stream, messagesOf(call), call.cut);
  }, o);
}

interface Searched {
  readonly report: VerifyReport;
  readonly blobs: Blobs;
}

/** Searches a clean image and the records. */
async function search(
  engine: Engine,
  { signal, silenceMs = 20_000 }: BuildRecordOptions = {},
): Promise<Searched> {
  const members = await ociMembers({ layers: [{ a: "1" }] });
  const { manifests } = JSON.parse(String(members["index.json"])) as {
    manifests: { digest: string }[];
  };
  const [{ digest: root } = { digest: "" }] = manifests;
  let kept: Blobs | undefined;
  const image = {
    roots: [root],
    read: async (blobs: Blobs) => {
      kept = blobs;
      for (const [name, bytes] of Object.entries(members)) {
        const scan = blobs.begin(name);
        await scan.write(bytes);
        await blobs.end(scan, true);
      }
    },
    close: () => undefined,
  };
  const route = { name: "save", open: async () => Promise.resolve(image) } as const;
  const readRecords = async (blobs: Blobs): Promise<readonly string[]> =>
    readBuildRecords(engine, blobs, { signal, silenceMs });
  const source = {
    name: "image",
    open: async () => EngineSource.open(root, [route], { readRecords }),
  };
  const report = await verify(source, secretsOf({ KEY: CANARY }), { signal }).report();
  if (kept === undefined) throw new Error("nothing was read");
  return { report, blobs: kept };
}

const document = (text: string, length = 0): Buffer =>
  Buffer.from(
    JSON.stringify({ id: randomBytes(8).toString("hex"), text, pad: "x".repeat(length) }),
  );

describe("the engine's records of its builds", () => {
  it("are all searched, however much they are together", async () => {
    const builds = Array.from({ length: 72 }, () => [document("clean", MB)]);
    const last = [document(`a ${CANARY} b`)];
    const { report, blobs } = await search(await engineOf({ builds: [...builds, last] }));
    expect(report.unseen).toEqual([]);
    expect(report.findings).toMatchObject([
      {
        where: "build-record",
        path: expect.stringMatching(
          /^build-record\/build72\/sha256:[0-9a-f]{64}: text$/u,
        ) as string,
        offset: 2,
      },
    ]);
    expect(report.bytes).toBeGreaterThan(72 * MB);
    expect(JSON.stringify(report)).not.toContain(CANARY);
    // nothing is kept of those without a finding
    const documents = blobs.all.filter(({ jsonDocument }) => jsonDocument !== undefined);
    expect(documents.every(({ name }) => !name.startsWith("build-record/"))).toBe(true);
  });

  it("leave as much behind, however many there are", async () => {
    const few = await search(await engineOf({ builds: [[document("clean")]] }));
    const builds = Array.from({ length: 500 }, () => [document("clean"), document(CANARY)]);
    const many = await search(await engineOf({ builds }));
    expect(many.blobs.all.length).toBe(few.blobs.all.length);
    expect(many.report.findings).toHaveLength(500);
    expect(many.report.unseen).toEqual([]);
  });

  it("with more places than are listed have the others counted", async () => {
    const builds = Array.from({ length: 1100 }, () => [document(CANARY)]);
    const { report } = await search(await engineOf({ builds }));
    expect([report.findings.length, report.omitted]).toEqual([1000, 100]);
  });

  it.each([
    ["long", document(CANARY, 17 * MB)],
    ["long, and is compressed,", gzipSync(document(CANARY, 17 * MB))],
    ["deep", Buffer.from(`${"[".repeat(MB)}"${CANARY}"${"]".repeat(MB)}`)],
  ])("one that is too %s is searched as it is, and that is said", async (_name, long) => {
    const { report } = await search(await engineOf({ builds: [[long, document("clean")]] }));
    expect(report.findings).toMatchObject([
      { where: "build-record", path: `build-record/build0/${digestOf(long)}` },
    ]);
    expect(report.unseen).toEqual([]);
    expect(report.limits).toContain(LONG_RECORD);
    expect(report.limits).not.toContain(NO_RECORDS);
  });

  it("are searched for what no record names too, but for images in containerd's store", async () => {
    const kept = { builds: [[document("clean")]], loose: [document(CANARY)] };
    const { report } = await search(await engineOf(kept));
    expect(report.findings).toMatchObject([{ where: "build-record" }]);
    const other = await engineOf({ ...kept, driver: "io.containerd.snapshotter.v1" });
    expect((await search(other)).report.findings).toEqual([]);
  });

  it("are none on an engine without the call, and that is said", async () => {
    const engine = await engineOf({ builds: [], on: { ListenBuildHistory: unknown } });
    const { report } = await search(engine);
    expect(report.limits).toContain(NO_RECORDS);
    expect(verdictOf(report)).toBe("clean");
  });

  it.each([
    ["is refused", { refuses: true }],
    ["falls silent in the list", { on: { ListenBuildHistory: silent } }],
    ["is lost in the list", { on: { ListenBuildHistory: cut } }],
    ["falls silent among the blobs", { on: { List: silent } }],
    ["never answers", { on: { ListenBuildHistory: () => undefined } }],
    ["has the records and not their blobs", { on: { Read: unknown } }],
    ["has the records and no list", { on: { List: unknown } }],
  ])("that an engine keeps and that %s prove nothing", async (_name, fault) => {
    const builds = [[document("clean")], [document("clean")]];
    const { report } = await search(await engineOf({ builds, ...fault }), { silenceMs: 500 });
    expect(report.unseen).toEqual([
      { what: "the engine's build records", reason: "they could not be read, or not all of them" },
    ]);
    expect(verdictOf(report)).toBe("incomplete");
  });

  it.each([
    ["falls silent", silent],
    ["is lost", cut],
  ])("one whose blob %s in the middle proves nothing", async (_name, fault) => {
    const long = document("clean", 3 * MB);
    const engine = await engineOf({ builds: [[long]], on: { Read: fault } });
    const { report } = await search(engine, { silenceMs: 500 });
    expect(verdictOf(report)).toBe("incomplete");
  });

  it("stop when the signal fires", async () => {
    const controller = new AbortController();
    const hold: Reply = (stream, messages, lose) => {
      silent(stream, messages, lose);
      setTimeout(() => controller.abort(), 50);
    };
    const engine = await engineOf({ builds: [[document("clean")]], on: { Read: hold } });
    await expect(search(engine, { signal: controller.signal })).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
  });
});
