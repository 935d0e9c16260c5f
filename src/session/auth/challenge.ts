/** How a registry wants to be logged in to: asked of the registry itself, without a login. */
import { isLoopback, request } from "./http.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What a registry's `/v2/` says. */
export type Challenge =
  /** It takes tokens, which this service hands out. Null: it lets anybody in there, so unknown. */
  | { readonly scheme: "bearer"; readonly realm: URL | null }
  /** It takes a name and a password with every request. */
  | { readonly scheme: "basic" }
  /** It can't be reached from here, or not in a way that a password may take. */
  | { readonly scheme: "unreachable" };

const UNREACHABLE: Challenge = { scheme: "unreachable" };

/**
 * Asks a registry.
 *
 * @param host - as the engine dials it, with its port
 */
export async function challengeOf(
  host: string,
  o: { readonly env?: Env | undefined; readonly signal?: AbortSignal | undefined },
): Promise<Challenge> {
  // as the engine: loopback may speak HTTP, everything else needs TLS
  const schemes = isLoopback(host) ? ["http", "https"] : ["https"];
  for (const scheme of schemes) {
    const url = URL.parse(`${scheme}://${host}/v2/`);
    const answer = url && (await request(url, { method: "GET", ...o }).catch(() => null));
    if (answer?.status === 401) return parseChallenge(answer.headers["www-authenticate"] ?? "");
    if (answer?.status === 200) return { scheme: "bearer", realm: null };
  }
  return UNREACHABLE;
}

/**
 * Reads `WWW-Authenticate`. A registry that offers both gets a token, as from the engine.
 *
 * @see https://distribution.github.io/distribution/spec/auth/token/
 */
export function parseChallenge(header: string): Challenge {
  const bearer = /(?:^|,)\s*bearer\s+(.*)$/is.exec(header)?.[1];
  if (bearer === undefined)
    return /(?:^|,)\s*basic\b/i.test(header) ? { scheme: "basic" } : UNREACHABLE;
  const realm = URL.parse(/(?:^|[\s,])realm="([^"]*)"/i.exec(bearer)?.[1] ?? "");
  return realm !== null && isSafe(realm) ? { scheme: "bearer", realm } : UNREACHABLE;
}

/**
 * Whether a login may be sent to a token service that the engine names. The engine only passes on
 * what it was told by whoever answered it, so this holds it against what the registry told us.
 */
export function mayAsk(realm: URL, host: string, challenge: Challenge): boolean {
  if (challenge.scheme !== "bearer" || !isSafe(realm)) return false;
  // parsed, because a URL leaves out the port that its scheme implies
  const own = URL.parse(`${realm.protocol}//${host}`)?.origin;
  return realm.origin === own || realm.origin === challenge.realm?.origin;
}

/** No password travels in the clear, but to this machine. */
function isSafe(realm: URL): boolean {
  return realm.protocol === "https:" || (realm.protocol === "http:" && isLoopback(realm.host));
}
