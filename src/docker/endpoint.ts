/** Which engine to talk to: the same sources in the same order as the docker CLI. */
import { createHash } from "node:crypto";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";

import { DockerError, UsageError } from "../errors.ts";
import { configFolder, field, nonEmpty, readJson } from "./client-config.ts";
import { escapeControl } from "./errors.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What it takes to dial. */
export interface DockerOptions {
  readonly socketPath?: string;
  readonly protocol?: "http" | "https" | "ssh";
  readonly host?: string;
  readonly port?: number;
  readonly username?: string;
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** Of `ssh`: the environment of the program, and the engine's socket if it is not the usual one. */
  readonly env?: Env;
  readonly remoteSocket?: string;
  /** False only where the user switched verification off, as a docker context can. */
  readonly rejectUnauthorized?: boolean;
}

/** An engine that was chosen, not yet contacted. */
export interface Endpoint {
  /** As the user knows it: `unix:///var/run/docker.sock`, `tcp://10.0.0.2:2376`, … */
  readonly host: string;
  /** True for a socket or pipe of this machine: only then can it share paths with us. */
  readonly local: boolean;
  readonly options: DockerOptions;
}

/** The user's choices, strongest first: `host`, `context`, `DOCKER_HOST`, `DOCKER_CONTEXT`. */
export interface EndpointChoice {
  readonly host?: string | undefined;
  readonly context?: string | undefined;
  readonly env: Env;
  readonly home: string;
}

interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly rejectUnauthorized?: boolean;
}

/**
 * Finds the engine's address; contacts nothing.
 *
 * @throws {@link UsageError} USAGE for a malformed host, USAGE_CONFLICT for both a host and a context
 * @throws {@link DockerError} DOCKER_UNREACHABLE for an unknown context or unreadable TLS files
 */
export async function resolveEndpoint(o: EndpointChoice): Promise<Endpoint> {
  if (o.host !== undefined && o.context !== undefined) {
    throw new UsageError("USAGE_CONFLICT", "both a host and a context are given", {
      hint: "give only one of --host and --context",
    });
  }
  const host = o.host ?? (o.context === undefined ? nonEmpty(o.env["DOCKER_HOST"]) : undefined);
  if (host !== undefined) return endpointOf(host, await tlsOfEnvironment(o), o.env);
  const context = o.context ?? nonEmpty(o.env["DOCKER_CONTEXT"]) ?? (await currentContext(o));
  if (context !== undefined && context !== "default") return endpointOfContext(context, o);
  return endpointOf(await defaultHost(o), {}, o.env);
}

/** Parses a `DOCKER_HOST` text. `tcp://` without a port means 2375, or 2376 with TLS. */
function endpointOf(host: string, tls: TlsFiles, env: Env): Endpoint {
  const socket = /^(unix|npipe):\/\/(.+)$/.exec(host)?.[2];
  if (socket !== undefined) return { host, local: true, options: { socketPath: socket } };
  const url = URL.parse(host.includes("://") ? host : `tcp://${host}`);
  if (url === null || url.hostname === "") throw badHost(host);
  switch (url.protocol) {
    case "ssh:":
      return { host, local: false, options: sshOptions(url, env) };
    case "tcp:":
    case "http:":
    case "https:":
      return { host, local: false, options: tcpOptions(url, tls) };
    default:
      throw badHost(host);
  }
}

function badHost(host: string): UsageError {
  return new UsageError("USAGE", `${escapeControl(host)} is no docker host`, {
    hint: "write unix:///path, tcp://host:port or ssh://user@host",
  });
}

function tcpOptions(url: URL, tls: TlsFiles): DockerOptions {
  const secure = url.protocol === "https:" || tls.rejectUnauthorized !== undefined;
  const port = url.port === "" ? (secure ? 2376 : 2375) : Number(url.port);
  const host = unbracketed(url.hostname);
  return { protocol: secure ? "https" : "http", host, port, ...(secure ? tls : {}) };
}

/** As docker's own client: no password, and nothing that `ssh` would take for an option. */
function sshOptions(url: URL, env: Env): DockerOptions {
  const username = decoded(url.username);
  const host = unbracketed(url.hostname);
  const isOption = [username, host].some((word) => word.startsWith("-"));
  if (isOption || url.password !== "" || url.search !== "" || url.hash !== "")
    throw badHost(`ssh://${url.host}`);
  const path = decoded(url.pathname);
  return {
    protocol: "ssh",
    host,
    ...(url.port !== "" && { port: Number(url.port) }),
    ...(username !== "" && { username }),
    ...(path !== "" && path !== "/" && { remoteSocket: path }),
    env: withoutOurs(env),
  };
}

/** The program gets nothing of ours: least of all a private key, which it may send along (SendEnv). */
function withoutOurs(env: Env): Env {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.toUpperCase().startsWith("SEALMOUNT_")),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badHost(text);
  }
}

/** An IPv6 host is written in brackets, sockets and ssh want it without. */
function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

/** As docker does: DOCKER_TLS_VERIFY checks the server, DOCKER_TLS alone only encrypts. */
async function tlsOfEnvironment(o: EndpointChoice): Promise<TlsFiles> {
  const verify = nonEmpty(o.env["DOCKER_TLS_VERIFY"]) !== undefined;
  if (!verify && nonEmpty(o.env["DOCKER_TLS"]) === undefined) return {};
  const folder = nonEmpty(o.env["DOCKER_CERT_PATH"]) ?? configFolder(o);
  return { ...(await tlsFiles(folder)), rejectUnauthorized: verify };
}

async function tlsFiles(folder: string): Promise<TlsFiles> {
  const read = async (name: string): Promise<Buffer | undefined> =>
    readFile(join(folder, name)).catch(() => undefined);
  const [ca, cert, key] = await Promise.all([read("ca.pem"), read("cert.pem"), read("key.pem")]);
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

async function currentContext(o: EndpointChoice): Promise<string | undefined> {
  const config = await readJson(join(configFolder(o), "config.json"));
  const name = field(config, "currentContext");
  return typeof name === "string" ? nonEmpty(name) : undefined;
}

/** Context store of the docker CLI: the folder is the SHA-256 of the context's name. */
async function endpointOfContext(name: string, o: EndpointChoice): Promise<Endpoint> {
  const id = createHash("sha256").update(name).digest("hex");
  const store = join(configFolder(o), "contexts");
  const docker = field(
    field(await readJson(join(store, "meta", id, "meta.json")), "Endpoints"),
    "docker",
  );
  const host = field(docker, "Host");
  if (typeof host !== "string" || host === "") {
    throw new DockerError(
      "DOCKER_UNREACHABLE",
      `there is no docker context ${escapeControl(name)}`,
      {
        hint: "docker context ls shows the ones there are",
      },
    );
  }
  const tls = await tlsFiles(join(store, "tls", id, "docker"));
  const skip = field(docker, "SkipTLSVerify") === true;
  const secure = skip || tls.ca !== undefined || tls.cert !== undefined;
  return endpointOf(host, secure ? { ...tls, rejectUnauthorized: !skip } : {}, o.env);
}

/** The system's socket, else the one of Docker Desktop, else the rootless one. */
async function defaultHost(o: EndpointChoice): Promise<string> {
  if (process.platform === "win32") return "npipe:////./pipe/docker_engine";
  const system = "/var/run/docker.sock";
  const runtime = nonEmpty(o.env["XDG_RUNTIME_DIR"]);
  const candidates = [system, join(o.home, ".docker/run/docker.sock")];
  if (runtime !== undefined) candidates.push(join(runtime, "docker.sock"));
  for (const path of candidates) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return `unix://${path}`;
  }
  return `unix://${system}`;
}
