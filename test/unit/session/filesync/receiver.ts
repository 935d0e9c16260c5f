/** The engine's side of DiffCopy, in memory: lists what is offered and asks for what a test wants. */
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { duplexPair } from "node:stream";

import { onTestFinished } from "vitest";

import {
  fileSyncService,
  type ContentInspector,
  type SyncedDir,
} from "../../../../src/session/filesync/service.ts";
import {
  bytesOf,
  numberOf,
  readFields,
  textOf,
  writeFields,
} from "../../../../src/session/protobuf.ts";
import { serveGrpc } from "../../../../src/session/server.ts";

/** A STAT packet, read. */
export interface ReceivedStat {
  readonly path: string;
  readonly mode: number;
  readonly size: number;
  readonly link: string;
}

/** A call in progress. */
export interface Receiver {
  readonly stream: ClientHttp2Stream;
  readonly stats: readonly ReceivedStat[];
  readonly failures: readonly Error[];
  /** Bytes of each file so far, by id; only counted when {@link ReceiveOptions.count} is set. */
  readonly received: ReadonlyMap<number, number>;
  /** Waits for the end of the list. */
  listed(): Promise<void>;
  /** Asks for a file and waits for its end. */
  ask(id: number): Promise<Buffer>;
  send(packet: Buffer): void;
  /** Waits for the call's end. */
  ended(): Promise<{ readonly status: string; readonly message: string; readonly error: string }>;
}

/** What of a call may differ. */
export interface ReceiveOptions {
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly count?: boolean;
  readonly inspector?: ContentInspector;
}

/** Offers a folder as `context` and opens a call for it. */
export async function receive(dir: SyncedDir, o: ReceiveOptions = {}): Promise<Receiver> {
  const failures: Error[] = [];
  const service = fileSyncService(new Map([["context", dir]]), {
    onFailure: (error) => failures.push(error),
    inspector: o.inspector,
  });
  const [ours, theirs] = duplexPair();
  const server = serveGrpc(ours, [service]);
  const client = connect("http://memory", { createConnection: () => theirs });
  client.on("error", () => undefined);
  onTestFinished(async () => server.close());
  return openCall(client, failures, o);
}

/** @returns a packet with its prefix */
export function packet(type: number, more: { id?: number; text?: string } = {}): Buffer {
  const id = more.id === undefined || more.id === 0 ? undefined : more.id;
  const body = writeFields([
    [1, type],
    [3, id],
    [4, more.text],
  ]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

interface State {
  readonly stats: ReceivedStat[];
  readonly data: Map<number, Buffer[]>;
  readonly received: Map<number, number>;
  readonly complete: Set<number>;
  listed: boolean;
  error: string;
}

function openCall(client: ClientHttp2Session, failures: Error[], o: ReceiveOptions): Receiver {
  const stream = client.request({
    ":method": "POST",
    ":path": "/moby.filesync.v1.FileSync/DiffCopy",
    "content-type": "application/grpc",
    "dir-name": "context",
    ...o.headers,
  });
  const state: State = {
    stats: [],
    data: new Map(),
    received: new Map(),
    complete: new Set(),
    listed: false,
    error: "",
  };
  let status = "";
  let message = "";
  const note = (headers: Readonly<Record<string, unknown>>): void => {
    if (typeof headers["grpc-status"] === "string") status = headers["grpc-status"];
    if (typeof headers["grpc-message"] === "string")
      message = decodeURIComponent(headers["grpc-message"]);
  };
  stream
    .on("response", note)
    .on("trailers", note)
    .on("error", () => undefined);
  readInto(stream, state, o.count === true);
  // as grpc-go: with the status there is nothing more to say
  stream.once("end", () => stream.end());
  const closed = new Promise<void>((resolve) => stream.once("close", () => resolve()));
  const until = async (done: () => boolean): Promise<void> => {
    while (!done() && !stream.destroyed) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    stream,
    stats: state.stats,
    failures,
    received: state.received,
    listed: async () => until(() => state.listed),
    async ask(id) {
      stream.write(packet(1, { id }));
      await until(() => state.complete.has(id));
      return Buffer.concat(state.data.get(id) ?? []);
    },
    send: (bytes) => void stream.write(bytes),
    async ended() {
      await closed;
      return { status, message, error: state.error };
    },
  };
}

function readInto(stream: ClientHttp2Stream, state: State, count: boolean): void {
  let pieces: Buffer[] = [];
  let size = 0;
  stream.on("data", (chunk: Buffer) => {
    pieces.push(chunk);
    size += chunk.length;
    // joined only when the next message is whole: else a large one would be copied a thousand times
    const head = pieces[0] ?? chunk;
    if (head.length >= 5 && size < 5 + head.readUInt32BE(1)) return;
    let bytes = Buffer.concat(pieces);
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
      const end = 5 + bytes.readUInt32BE(1);
      readMessage(bytes.subarray(5, end), state, count);
      bytes = bytes.subarray(end);
    }
    pieces = [Buffer.from(bytes)];
    size = bytes.length;
  });
}

function readMessage(message: Buffer, state: State, count: boolean): void {
  const found = new Map([...readFields(message)].map(({ number, value }) => [number, value]));
  const type = numberOf(found.get(1) ?? 0);
  const id = numberOf(found.get(3) ?? 0);
  const data = bytesOf(found.get(4) ?? 0);
  const stat = found.get(2);
  if (type === 4) state.error = data.toString("utf8");
  else if (type === 2) addData(state, { id, data, count });
  else if (stat !== undefined) state.stats.push(readStat(bytesOf(stat)));
  else if (type === 0) state.listed = true;
}

function addData(state: State, o: { id: number; data: Buffer; count: boolean }): void {
  if (o.data.length === 0) {
    state.complete.add(o.id);
    return;
  }
  state.received.set(o.id, (state.received.get(o.id) ?? 0) + o.data.length);
  if (o.count) return;
  state.data.set(o.id, [...(state.data.get(o.id) ?? []), Buffer.from(o.data)]);
}

function readStat(message: Buffer): ReceivedStat {
  const found = new Map([...readFields(message)].map(({ number, value }) => [number, value]));
  return {
    path: textOf(found.get(1) ?? 0),
    mode: numberOf(found.get(2) ?? 0),
    size: numberOf(found.get(5) ?? 0),
    link: textOf(found.get(7) ?? 0),
  };
}
