/**
 * A BuildKit session: a connection on which the engine calls us while it builds. It knows services,
 * no manifest, key or vault.
 */
import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";

import { DockerError } from "../errors.ts";
import { authService, type AuthStore } from "./auth/service.ts";
import type { GrpcService } from "./grpc.ts";
import { healthService } from "./health/service.ts";
import { secretsService, type SecretStore } from "./secrets/service.ts";
import { serveGrpc } from "./server.ts";

/** What carries a session: a connection to an engine, as `docker/engine.ts` has it. */
export interface SessionCarrier {
  readonly version: { readonly engine: string; readonly api: string };
  hijack(
    path: string,
    o: {
      readonly headers: Readonly<Record<string, string | readonly string[]>>;
      readonly upgrade: "h2c";
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<Duplex>;
}

/** What a session offers to the engine. */
export interface SessionServices {
  readonly secrets: SecretStore;
  readonly auth?: AuthStore | undefined;
  /** Proxy variables for the registries that {@link auth} asks for tokens. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Services beside health, secrets and auth: files, uploads, ssh … */
  readonly services?: readonly GrpcService[] | undefined;
  /** Shown by old engines. */
  readonly name?: string | undefined;
  /**
   * Under which the engine keeps the last upload of a folder: the same for the same context every
   * time, another one for every other context, never empty. It is stored there, so no secret.
   */
  readonly sharedKey?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An open session. */
export interface Session {
  /** What a build names to use this session; whoever knows it and reaches the engine can ask us. */
  readonly id: string;
  /** Settles when the session has ended: null after {@link close}, else what happened. */
  readonly lost: Promise<Error | null>;
  /** Ends every call and the connection; nothing stays open. Safe to repeat. */
  close(): Promise<void>;
}

/** Answers that mean "no such endpoint" rather than "not this time". */
const NO_SUCH_ENDPOINT = new Set([404, 405, 501]);

/**
 * Opens a session and serves it until it is closed or lost.
 *
 * @throws {@link DockerError} DOCKER_NO_BUILDKIT when the engine has no sessions, else as any call
 */
export async function openSession(
  engine: SessionCarrier,
  services: SessionServices,
): Promise<Session> {
  // 128 random bits: an id that can't be guessed is all that protects the secrets from neighbours
  const id = randomBytes(16).toString("hex");
  const offered = servicesOf(services);
  const headers = {
    "X-Docker-Expose-Session-Uuid": id,
    "X-Docker-Expose-Session-Name": services.name ?? "sealmount",
    "X-Docker-Expose-Session-Sharedkey": services.sharedKey ?? `sealmount-${id}`,
    "X-Docker-Expose-Session-Grpc-Method": offered.flatMap((service) => [...service.keys()]),
  };
  try {
    const { signal } = services;
    const connection = await engine.hijack("/session", { headers, upgrade: "h2c", signal });
    const server = serveGrpc(connection, offered);
    return { id, lost: server.ended, close: async () => server.close() };
  } catch (error) {
    const status = error instanceof DockerError ? error.status : undefined;
    throw NO_SUCH_ENDPOINT.has(status ?? 0) ? noBuildKit(engine) : error;
  }
}

/** The error for an engine that can't build with secrets. */
export function noBuildKit(engine: SessionCarrier): DockerError {
  const { engine: version, api } = engine.version;
  return new DockerError("DOCKER_NO_BUILDKIT", `engine ${version} (API ${api}) has no BuildKit`, {
    hint: 'use Docker 20.10 or newer, without "features": {"buildkit": false} in its daemon.json',
  });
}

function servicesOf(services: SessionServices): readonly GrpcService[] {
  const { auth, secrets, env, signal } = services;
  const login = auth === undefined ? [] : [authService(auth, { env, signal })];
  return [healthService(), secretsService(secrets), ...login, ...(services.services ?? [])];
}
