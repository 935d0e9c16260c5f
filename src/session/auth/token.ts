/** Fetches a registry token with a login that stays in this process. */
import type { Secret } from "../../secret/secret.ts";
import { request, type HttpAnswer, type HttpRequest } from "./http.ts";

/** What the engine wants a token for. */
export interface TokenRequest {
  readonly clientId: string;
  readonly realm: URL;
  readonly service: string;
  readonly scopes: readonly string[];
}

/** A token, for the engine: it opens what its scopes say, for minutes. */
export interface Token {
  readonly token: string;
  /** Seconds; 0 when the service does not say. */
  readonly expiresIn: number;
  /** Seconds since 1970; 0 when the service does not say. */
  readonly issuedAt: number;
}

/** A login refused, or an answer that is none. The message names no value. */
export class TokenError extends Error {}

/** Answers of token services that know no POST, or only know Basic (buildkit, authprovider). */
const TRY_GET = new Set([401, 404, 405]);

type Network = Pick<HttpRequest, "env" | "signal">;

/** An empty user name means that the secret is an identity token. */
interface TokenLogin {
  readonly username: string;
  readonly secret: Secret;
}

/**
 * Fetches a token: OAuth's POST first, whose form can be wiped, else GET with a Basic header.
 *
 * @param login - null asks for what anybody may have
 * @throws {@link TokenError}
 */
export async function fetchToken(
  wanted: TokenRequest,
  login: TokenLogin | null,
  network: Network,
): Promise<Token> {
  if (login === null) return readToken(await get(wanted, null, network));
  const posted = await post(wanted, login, network);
  const isFinal = !TRY_GET.has(posted.status) || login.username === "";
  return readToken(isFinal ? posted : await get(wanted, login, network));
}

async function post(
  wanted: TokenRequest,
  { username, secret }: TokenLogin,
  network: Network,
): Promise<HttpAnswer> {
  const fields = new URLSearchParams({
    grant_type: username === "" ? "refresh_token" : "password",
    service: wanted.service,
    client_id: wanted.clientId,
    ...(wanted.scopes.length > 0 && { scope: wanted.scopes.join(" ") }),
    ...(username !== "" && { username }),
  });
  const name = username === "" ? "refresh_token" : "password";
  const body = secret.use((bytes) => formOf(`${fields.toString()}&${name}=`, bytes));
  try {
    const headers = {
      "Content-Type": "application/x-www-form-urlencoded",
      "Content-Length": String(body.length),
    };
    return await send(wanted.realm, { method: "POST", headers, body, ...network });
  } finally {
    body.fill(0);
  }
}

async function get(
  wanted: TokenRequest,
  login: TokenLogin | null,
  network: Network,
): Promise<HttpAnswer> {
  const url = new URL(wanted.realm);
  if (wanted.service !== "") url.searchParams.set("service", wanted.service);
  for (const scope of wanted.scopes) url.searchParams.append("scope", scope);
  const headers = login === null ? {} : { Authorization: basicAuthorization(login) };
  return send(url, { method: "GET", headers, ...network });
}

/** A header is a string, the one copy that can't be wiped. */
export function basicAuthorization({ username, secret }: TokenLogin): string {
  return secret.use((bytes) => {
    const pair = Buffer.concat([Buffer.from(`${username}:`), bytes]);
    const text = `Basic ${pair.toString("base64")}`;
    pair.fill(0);
    return text;
  });
}

async function send(url: URL, o: HttpRequest): Promise<HttpAnswer> {
  return request(url, o).catch(() => {
    throw new TokenError(`the token service ${url.host} can't be reached`);
  });
}

/** A form whose last value is the secret, percent-encoded byte by byte in memory of its own. */
function formOf(start: string, secret: Buffer): Buffer {
  const head = Buffer.from(start);
  const form = Buffer.allocUnsafeSlow(head.length + 3 * secret.length);
  head.copy(form);
  let at = head.length;
  for (const byte of secret) {
    form.writeUInt8(0x25, at);
    form.writeUInt8(HEX.charCodeAt(byte >> 4), at + 1);
    form.writeUInt8(HEX.charCodeAt(byte & 15), at + 2);
    at += 3;
  }
  return form;
}

const HEX = "0123456789ABCDEF";

function readToken(answer: HttpAnswer): Token {
  if (answer.status !== 200) {
    throw new TokenError(`the registry refused the login (HTTP ${answer.status})`);
  }
  const fields = fieldsOf(answer.body);
  // older services write `token`, OAuth's `access_token`
  const token = [fields["token"], fields["access_token"]].find(
    (value) => typeof value === "string" && value !== "",
  );
  if (typeof token !== "string") throw new TokenError("the token service sent no token");
  const expires = fields["expires_in"];
  const issued = fields["issued_at"];
  const at = typeof issued === "string" ? Date.parse(issued) : Number.NaN;
  return {
    token,
    expiresIn: typeof expires === "number" && expires > 0 ? Math.floor(expires) : 0,
    issuedAt: Number.isNaN(at) || at < 0 ? 0 : Math.floor(at / 1000),
  };
}

function fieldsOf(body: Buffer): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(body.toString("utf8"));
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}
