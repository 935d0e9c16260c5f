/**
 * A registry that wants tokens: it stands before `imageRegistry`, hands out tokens for the right
 * login, and lets through whoever brings one.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

import { imageRegistry } from "./image-registry.ts";

export interface TokenRegistry extends AsyncDisposable {
  readonly host: string;
  /** Everything that came with a login: from whom, and how. */
  readonly logins: readonly string[];
  /** Requests for the registry itself, with what they had as authorization. */
  readonly seen: readonly { readonly path: string; readonly authorization: string }[];
  /** Token requests without a login. */
  readonly anonymous: number;
}

export async function tokenRegistry(o: {
  readonly username: string;
  readonly password: string;
  readonly os: string;
  readonly arch: string;
  /** An identity token that it takes in place of name and password. */
  readonly identity?: string;
  /** The token service knows no POST. */
  readonly getOnly?: boolean;
  /** Another realm than its own. */
  readonly realm?: (host: string, client: string) => string;
}): Promise<TokenRegistry> {
  const behind = await imageRegistry(o);
  const basic = `Basic ${Buffer.from(`${o.username}:${o.password}`).toString("base64")}`;
  const state = {
    logins: [] as string[],
    seen: [] as TokenRegistry["seen"][number][],
    anonymous: 0,
  };
  const tokens = new Set<string>();
  let host = "";
  const token = (response: ServerResponse): void => {
    const made = randomBytes(16).toString("hex");
    tokens.add(made);
    const issued = { issued_at: new Date().toISOString(), expires_in: 300 };
    response.end(JSON.stringify({ access_token: made, token: made, ...issued }));
  };
  const tokenService = async (
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    if (message.method === "POST") {
      const form = new URLSearchParams(await text(message));
      if (o.getOnly === true) return void response.writeHead(405).end();
      state.logins.push(`POST ${message.headers["user-agent"] ?? "sealmount"}`);
      const isRight =
        form.get("grant_type") === "refresh_token"
          ? form.get("refresh_token") === o.identity
          : form.get("username") === o.username && form.get("password") === o.password;
      return isRight ? token(response) : void response.writeHead(401).end("{}");
    }
    const { authorization } = message.headers;
    if (authorization === undefined) {
      state.anonymous += 1;
      return void response.end(JSON.stringify({ token: "nobody" }));
    }
    state.logins.push(`GET ${message.headers["user-agent"] ?? "sealmount"}`);
    return authorization === basic ? token(response) : void response.writeHead(401).end("{}");
  };
  const server = createServer((message, response) => {
    const path = message.url ?? "";
    if (path.startsWith("/token")) return void tokenService(message, response);
    const authorization = message.headers.authorization ?? "";
    state.seen.push({ path, authorization });
    if (!tokens.has(authorization.replace(/^Bearer /, ""))) {
      const client = message.headers["user-agent"] ?? "";
      const realm = o.realm?.(host, client) ?? `http://${host}/token`;
      const scope = path === "/v2/" ? "" : ',scope="repository:private/base:pull"';
      response.setHeader("WWW-Authenticate", `Bearer realm="${realm}",service="smtest"${scope}`);
      return void response.writeHead(401).end("{}");
    }
    const headers = { authorization: basic };
    const onward = request(
      `http://${behind.host}${path}`,
      { method: message.method, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      },
    );
    return void onward.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    logins: state.logins,
    seen: state.seen,
    get anonymous() {
      return state.anonymous;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      await behind[Symbol.asyncDispose]();
    },
  };
}
