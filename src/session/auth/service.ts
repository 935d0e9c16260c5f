/**
 * `moby.filesync.v1.Auth`: logins for private base images.
 *
 * Where the registry takes tokens, the token is fetched here and the password never leaves: the
 * engine gets a token that opens what it is about to pull, for minutes. Only a registry that wants a
 * password with every request (Basic), or one that can't be reached from here, makes the engine have
 * the password itself, as it always has with docker.
 */
import { randomBytes } from "node:crypto";

import type { Secret } from "../../secret/secret.ts";
import {
  frameOf,
  GRPC_STATUS,
  GrpcError,
  newFrame,
  unary,
  type GrpcMethod,
  type GrpcService,
} from "../grpc.ts";
import { readFields, textOf, writeFields, writeVarint } from "../protobuf.ts";
import { challengeOf, mayAsk, type Challenge } from "./challenge.ts";
import { fetchToken, TokenError, type Token, type TokenRequest } from "./token.ts";

/** A login: empty user name means that the secret is an identity token. */
export interface Credentials {
  readonly username: string;
  readonly secret: Secret;
  /** The secret is itself the token to send to the registry. */
  readonly isRegistryToken?: boolean | undefined;
}

/** Where the logins of one build come from. */
export interface AuthStore {
  /**
   * @param host - registry host; Docker Hub is always `docker.io`
   * @returns a login whose Secret the service wipes once it is used, or null for anonymous
   */
  credentials(host: string): Promise<Credentials | null>;
}

/** How to reach registries. */
export interface AuthOptions {
  /** For the usual proxy variables. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Names under which the engine asks for Docker Hub. */
const DOCKER_HUB = new Set(["registry-1.docker.io", "index.docker.io", "docker.io"]);

/** Field 2 of CredentialsResponse, length-delimited. */
const SECRET_TAG = 0x12;
/** Of an Ed25519 public key. */
const AUTHORITY_BYTES = 32;

/** Serves logins from a store. */
export function authService(store: AuthStore, options: AuthOptions = {}): GrpcService {
  const auth = new Auth(store, options);
  const methods: Readonly<Record<string, GrpcMethod>> = {
    Credentials: unary(async (request) => auth.credentials(hostOf(request, 1))),
    GetTokenAuthority: unary(async (request) => auth.tokenAuthority(hostOf(request, 1))),
    FetchToken: unary(async (request) => auth.fetchToken(request)),
    VerifyTokenAuthority: unary(() => {
      // would let a build use tokens that another one fetched: each fetches its own
      throw new GrpcError(GRPC_STATUS.unimplemented, "tokens are not shared");
    }),
  };
  return new Map(
    Object.entries(methods).map(([name, method]) => [`/moby.filesync.v1.Auth/${name}`, method]),
  );
}

class Auth {
  readonly #store: AuthStore;
  readonly #options: AuthOptions;
  readonly #challenges = new Map<string, Promise<Challenge>>();

  constructor(store: AuthStore, options: AuthOptions) {
    this.#store = store;
    this.#options = options;
  }

  async credentials(host: string): Promise<Buffer> {
    const login = await this.#login(host);
    if (login === null) return frameOf(Buffer.alloc(0));
    using secret = login.secret;
    // before it asks for a token, the engine compares the login to one that another build left with
    // it; a value that nobody else has sends it on to the token, and never to the registry
    const challenge = await this.#challengeOf(host);
    if (challenge.scheme === "bearer" && challenge.realm !== null) {
      return frameOf(writeFields([[2, randomBytes(AUTHORITY_BYTES).toString("hex")]]));
    }
    return answer(login.username, secret);
  }

  /**
   * A public key makes the engine fetch tokens through us. Nobody has its other half, as no other
   * build is to prove that it is this one.
   */
  async tokenAuthority(host: string): Promise<Buffer> {
    const login = await this.#login(host);
    login?.secret.wipe();
    if (login === null || (await this.#challengeOf(host)).scheme === "unreachable") {
      throw new GrpcError(GRPC_STATUS.unimplemented, "no token from here");
    }
    return frameOf(writeFields([[1, randomBytes(AUTHORITY_BYTES)]]));
  }

  async fetchToken(request: Buffer): Promise<Buffer> {
    const wanted = readRequest(request);
    const host = hostOf(request, 2);
    const login = await this.#login(host);
    if (login === null) throw new GrpcError(GRPC_STATUS.notFound, "no login");
    using secret = login.secret;
    if (login.isRegistryToken === true) {
      const token = secret.use((bytes) => bytes.toString("utf8"));
      return tokenAnswer({ token, expiresIn: 0, issuedAt: 0 });
    }
    if (!mayAsk(wanted.realm, host, await this.#challengeOf(host))) {
      throw refused(`${host} names another token service to us than to the engine`);
    }
    try {
      return tokenAnswer(await fetchToken(wanted, login, this.#options));
    } catch (error) {
      throw error instanceof TokenError ? refused(error.message) : error;
    }
  }

  async #login(host: string): Promise<Credentials | null> {
    return this.#store.credentials(DOCKER_HUB.has(host) ? "docker.io" : host);
  }

  /** Once a build and host: the engine asks in several ways, and the answers have to agree. */
  async #challengeOf(host: string): Promise<Challenge> {
    const known = this.#challenges.get(host) ?? challengeOf(host, this.#options);
    this.#challenges.set(host, known);
    return known;
  }
}

function refused(message: string): GrpcError {
  return new GrpcError(GRPC_STATUS.failedPrecondition, message);
}

function hostOf(request: Buffer, field: number): string {
  let host = "";
  for (const { number, value } of readFields(request)) if (number === field) host = textOf(value);
  return host;
}

/** `FetchTokenRequest`. */
function readRequest(request: Buffer): TokenRequest {
  let clientId = "";
  let address = "";
  let service = "";
  const scopes: string[] = [];
  for (const { number, value } of readFields(request)) {
    if (number === 1) clientId = textOf(value);
    else if (number === 3) address = textOf(value);
    else if (number === 4) service = textOf(value);
    else if (number === 5) scopes.push(textOf(value));
  }
  const realm = URL.parse(address);
  if (realm === null) throw refused("the token service has no usable address");
  return { clientId, realm, service, scopes };
}

function tokenAnswer({ token, expiresIn, issuedAt }: Token): Buffer {
  return frameOf(
    writeFields([
      [1, token],
      [2, expiresIn],
      [3, issuedAt],
    ]),
  );
}

function answer(name: string, password: Secret): Buffer {
  const username = writeFields([[1, name]]);
  return password.use((secret) => {
    const length = writeVarint(secret.length);
    const { frame, body } = newFrame(username.length + 1 + length.length + secret.length);
    username.copy(body);
    body.writeUInt8(SECRET_TAG, username.length);
    length.copy(body, username.length + 1);
    secret.copy(body, username.length + 1 + length.length);
    return frame;
  });
}
