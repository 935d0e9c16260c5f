/** The Engine API, thin and typed. */
import type { IncomingMessage } from "node:http";
import type { Duplex, Readable } from "node:stream";

import { DockerError } from "../errors.ts";
import { jsonBody, rawBody } from "./body.ts";
import { wireTo } from "./dial.ts";
import type { Endpoint } from "./endpoint.ts";
import { escapeControl, fromRequest, ignoreMissing, nullIfMissing } from "./errors.ts";
import { parseJson } from "./json.ts";
import { ModemWire, type Modem } from "./modem-wire.ts";
import { container, image } from "./paths.ts";
import { untilRemoved } from "./removal.ts";
import { Transport, type Call } from "./transport.ts";
import type {
  AttachOptions,
  ContainerInspect,
  ContainerLine,
  EngineInfo,
  EngineVersion,
  ImageHistoryLine,
  ImageInspect,
  PathStat,
  VolumeLine,
} from "./types.ts";
import { versionOf } from "./version.ts";
import type { Query, Wire } from "./wire.ts";

/** A host that swallows packets would otherwise hang the first call for minutes. */
const CONNECT_TIMEOUT_MS = 15_000;
/** `ssh` gives up by itself after 30 s, and says why. */
const SSH_TIMEOUT_MS = 40_000;

/** How long `/info` is good for, in milliseconds; what counts in it changes with the data folder only. */
const INFO_LIFE_MS = 30_000;

/** Options of one call besides method and path. */
export interface RequestOptions {
  readonly query?: Query | undefined;
  /** A Buffer or stream goes as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Method = Call["method"];

/** One engine, contacted. All calls throw {@link DockerError}; `.status` tells 404 from the rest. */
export class Engine {
  readonly endpoint: Endpoint;
  readonly version: EngineVersion;
  readonly #transport: Transport;
  #info: { readonly at: number; readonly answer: Promise<EngineInfo> } | undefined;

  private constructor(endpoint: Endpoint, version: EngineVersion, transport: Transport) {
    this.endpoint = endpoint;
    this.version = version;
    this.#transport = transport;
  }

  /**
   * Contacts the engine and settles the API version: the newest that both sides know.
   *
   * @throws {@link DockerError} DOCKER_UNREACHABLE, DOCKER_TOO_OLD (engine older than 20.10)
   */
  static async connect(
    endpoint: Endpoint,
    o: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Engine> {
    return Engine.#contact(await wireTo(endpoint), endpoint, o);
  }

  /** The same by a modem that is there already: dockerode's `docker.modem`. Throws as `connect`. */
  static async over(
    modem: Modem,
    endpoint: Endpoint,
    o: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Engine> {
    return Engine.#contact(new ModemWire(modem), endpoint, o);
  }

  static async #contact(
    wire: Wire,
    endpoint: Endpoint,
    o: { readonly signal?: AbortSignal | undefined },
  ): Promise<Engine> {
    const transport = new Transport(wire, endpoint, "");
    const limit = endpoint.options.protocol === "ssh" ? SSH_TIMEOUT_MS : CONNECT_TIMEOUT_MS;
    const timeout = AbortSignal.timeout(limit);
    const signal = o.signal === undefined ? timeout : AbortSignal.any([o.signal, timeout]);
    try {
      const version = await versionOf(transport, signal);
      return new Engine(endpoint, version, transport.withPrefix(`/v${version.api}`));
    } catch (error) {
      if (!timeout.aborted || o.signal?.aborted === true) throw error;
      throw fromRequest(new Error(`no answer within ${limit / 1000} s`), endpoint.host);
    }
  }

  /** A plain call with a JSON answer (null when there is none). */
  async request<T>(method: Method, path: string, o: RequestOptions = {}): Promise<T> {
    const response = await this.stream(method, path, o);
    const text = await this.#transport.text(response, o.signal);
    return parseJson<T>(text.trim() === "" ? "null" : text);
  }

  /** A call whose answer is read by the caller. A Buffer made here from JSON is wiped once sent. */
  async stream(method: Method, path: string, o: RequestOptions = {}): Promise<IncomingMessage> {
    const { query, signal } = o;
    const raw = rawBody(o.body);
    const json = raw === undefined && o.body !== undefined ? jsonBody(o.body) : undefined;
    const headers = { ...(json && { "Content-Type": "application/json" }), ...o.headers };
    try {
      const body = raw ?? json;
      return await this.#transport.send({ method, path, query, headers, body, signal });
    } finally {
      json?.fill(0);
    }
  }

  /** Upgrades a POST to a raw connection; bytes that came with the answer are kept. */
  async hijack(
    path: string,
    o: {
      readonly headers?: Readonly<Record<string, string | readonly string[]>>;
      readonly upgrade: "h2c" | "tcp";
      readonly query?: Query;
      readonly body?: Buffer;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<Duplex> {
    const { headers, query, body, signal } = o;
    return this.#transport.hijack(
      { method: "POST", path, headers, query, body, signal },
      o.upgrade,
    );
  }

  /** What the engine is, asked again only after {@link INFO_LIFE_MS}: it costs as much as a create request. */
  async info(): Promise<EngineInfo> {
    const now = Date.now();
    if (this.#info === undefined || now - this.#info.at > INFO_LIFE_MS) {
      this.#info = { at: now, answer: this.request<EngineInfo>("GET", "/info") };
    }
    try {
      return await this.#info.answer;
    } catch (error) {
      this.#info = undefined;
      throw error;
    }
  }

  /** @returns the container's id */
  async createContainer(name: string, body: object, signal?: AbortSignal): Promise<string> {
    const o = { query: { name }, body, signal };
    return (await this.request<{ Id: string }>("POST", "/containers/create", o)).Id;
  }

  async startContainer(id: string): Promise<void> {
    await this.request("POST", container(id, "start"));
  }

  /** Raw attach connection; multiplexed (see demux.ts) unless the container has a TTY. */
  async attachContainer(id: string, o: AttachOptions): Promise<Duplex> {
    return this.hijack(container(id, "attach"), { upgrade: "tcp", query: { stream: true, ...o } });
  }

  /** Waits for the end. Use {@link openWait} where the end may come before this call. */
  async waitContainer(
    id: string,
    condition = "not-running",
    signal?: AbortSignal,
  ): Promise<number> {
    return (await this.openWait(id, condition, signal)).exitCode();
  }

  /** Registers a wait; resolves once the engine has it, so that a start right after is not missed. */
  async openWait(
    id: string,
    condition: string,
    signal?: AbortSignal,
  ): Promise<{ readonly exitCode: () => Promise<number> }> {
    const response = await this.stream("POST", container(id, "wait"), {
      query: { condition },
      signal,
    });
    // read from now on, ask later: a failure must not be an unhandled rejection meanwhile
    const answer = this.#transport.text(response, signal);
    answer.catch(() => undefined);
    return { exitCode: async () => exitCodeOf(await answer) };
  }

  /** @param signal - name such as `TERM` or `SIGTERM`, or a number */
  async killContainer(id: string, signal: string): Promise<void> {
    await this.request("POST", container(id, "kill"), { query: { signal } });
  }

  async stopContainer(id: string, seconds: number): Promise<void> {
    await this.request("POST", container(id, "stop"), { query: { t: seconds } });
  }

  async resizeContainer(
    id: string,
    size: { readonly h: number; readonly w: number },
  ): Promise<void> {
    await this.request("POST", container(id, "resize"), { query: { h: size.h, w: size.w } });
  }

  /** Kills it if need be and removes its anonymous volumes. Already gone is fine. */
  async removeContainer(id: string): Promise<void> {
    const query = { force: true, v: true };
    await untilRemoved(() => this.request("DELETE", container(id), { query }));
  }

  async inspectContainer(id: string): Promise<ContainerInspect> {
    return this.request("GET", container(id, "json"));
  }

  /** All containers with a label (`key` or `key=value`), stopped ones included. */
  async listContainers(label: string): Promise<ContainerLine[]> {
    const query = { all: true, filters: JSON.stringify({ label: [label] }) };
    return this.request("GET", "/containers/json", { query });
  }

  /** Unpacks a tar inside the container; the call lasts until the stream has ended. */
  async putArchive(
    id: string,
    path: string,
    tar: Readable | Buffer,
    o: { readonly signal?: AbortSignal | undefined; readonly copyUidGid?: boolean } = {},
  ): Promise<void> {
    const query = { path, ...(o.copyUidGid === undefined ? {} : { copyUIDGID: o.copyUidGid }) };
    const headers = { "Content-Type": "application/x-tar" };
    const call = { query, headers, body: tar, signal: o.signal };
    await this.request("PUT", container(id, "archive"), call);
  }

  async getArchive(id: string, path: string, signal?: AbortSignal): Promise<Readable> {
    return this.stream("GET", container(id, "archive"), { query: { path }, signal });
  }

  /** @returns null when there is no such path (or container) */
  async headArchive(id: string, path: string): Promise<PathStat | null> {
    const response = await nullIfMissing(
      this.stream("HEAD", container(id, "archive"), { query: { path } }),
    );
    if (response === null) return null;
    response.resume();
    const header = response.headers["x-docker-container-path-stat"];
    const text = Buffer.from(String(header), "base64").toString("utf8");
    return parseJson<PathStat>(text);
  }

  async inspectImage(ref: string, query?: Query): Promise<ImageInspect | null> {
    return nullIfMissing(this.request<ImageInspect>("GET", image(ref, "json"), { query }));
  }

  async imageHistory(ref: string): Promise<ImageHistoryLine[]> {
    return this.request("GET", image(ref, "history"));
  }

  /** The image as `docker save` writes it. */
  async saveImage(ref: string, signal?: AbortSignal): Promise<Readable> {
    return this.stream("GET", image(ref, "get"), { signal });
  }

  async tagImage(ref: string, repo: string, tag: string): Promise<void> {
    await this.request("POST", image(ref, "tag"), { query: { repo, tag } });
  }

  async removeImage(ref: string, o: { readonly force?: boolean } = {}): Promise<void> {
    await ignoreMissing(this.request("DELETE", image(ref), { query: { force: o.force ?? false } }));
  }

  /** @returns the volume's name */
  async createVolume(body: object): Promise<string> {
    return (await this.request<{ Name: string }>("POST", "/volumes/create", { body })).Name;
  }

  async removeVolume(name: string): Promise<void> {
    await ignoreMissing(this.request("DELETE", `/volumes/${encodeURIComponent(name)}`));
  }

  async listVolumes(label: string): Promise<VolumeLine[]> {
    const query = { filters: JSON.stringify({ label: [label] }) };
    const answer = await this.request<{ Volumes: VolumeLine[] | null }>("GET", "/volumes", {
      query,
    });
    return answer.Volumes ?? [];
  }
}

function exitCodeOf(text: string): number {
  const answer = parseJson<{ StatusCode: number; Error?: { Message?: string } | null }>(text);
  const problem = answer.Error?.Message;
  if (problem !== undefined && problem !== "") {
    throw new DockerError("DOCKER_REFUSED", `waiting failed: ${escapeControl(problem)}`);
  }
  return answer.StatusCode;
}
