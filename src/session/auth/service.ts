/**
 * `moby.filesync.v1.Auth`: credentials for private base images.
 *
 * Only Credentials is answered. The engine takes the missing token methods (Unimplemented) as a
 * sign to fetch the token itself with what Credentials gives, on every engine since 20.10.
 */
import type { Secret } from "../../secret/secret.ts";
import { frameOf, newFrame, unary, type GrpcService } from "../grpc.ts";
import { readFields, textOf, writeFields, writeVarint } from "../protobuf.ts";

/** A login: empty user name means that the secret is an identity token. */
export interface Credentials {
  readonly username: string;
  readonly secret: Secret;
}

/** Where the logins of one build come from. */
export interface AuthStore {
  /**
   * @param host - registry host; Docker Hub is always `docker.io`
   * @returns a login whose Secret the service wipes once it is sent, or null for anonymous
   */
  credentials(host: string): Promise<Credentials | null>;
}

/** Names under which the engine asks for Docker Hub. */
const DOCKER_HUB = new Set(["registry-1.docker.io", "index.docker.io", "docker.io"]);

/** Field 2 of CredentialsResponse, length-delimited. */
const SECRET_TAG = 0x12;

/** Serves Credentials from a store. */
export function authService(store: AuthStore): GrpcService {
  const credentials = unary(async (request) => {
    const found = await store.credentials(hostOf(request));
    if (found === null) return frameOf(Buffer.alloc(0));
    using secret = found.secret;
    return answer(found.username, secret);
  });
  return new Map([["/moby.filesync.v1.Auth/Credentials", credentials]]);
}

function hostOf(request: Buffer): string {
  let host = "";
  for (const field of readFields(request)) if (field.number === 1) host = textOf(field.value);
  return DOCKER_HUB.has(host) ? "docker.io" : host;
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
