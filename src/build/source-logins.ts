/**
 * Logins for what a Dockerfile fetches from git and http. BuildKit asks for them by itself, under ids
 * with the source's host, and a host gets its own login only.
 */
import { encodeBase64 } from "../crypto/base64.ts";
import { Secret } from "../secret/secret.ts";
import type { AuthStore } from "../session/auth/service.ts";

/** With the host and its port, as the URL has them (buildkit, source/git). */
const GIT_ID = /^GIT_AUTH_(TOKEN|HEADER)\.(.+)$/;
/** With the host but without its port (buildkit, source/http). */
const HTTP_ID = /^HTTP_AUTH_(TOKEN|HEADER)_(.+)$/;
/** User name that BuildKit puts before a token for git, as GitHub and GitLab take it. */
const TOKEN_USER = "x-access-token";

/** True for an id whose value becomes an argument of `git` on the engine's host. */
export function isGitId(id: string): boolean {
  return /^GIT_AUTH_(?:TOKEN|HEADER)(?:\.|$)/.test(id);
}

/** A login as it is served. */
interface HostLogin {
  /** Null where a user name makes it a header. */
  readonly token: Secret | null;
  /** `basic …` for a user name and a token; null without a user name. */
  readonly header: Secret | null;
}

/** The logins of one build, asked for when the engine does. Disposing it wipes them. */
export class SourceLogins implements Disposable {
  readonly #store: AuthStore;
  readonly #hosts = new Map<string, Promise<HostLogin | null>>();
  readonly #opened: Secret[] = [];

  /** @param store - answers for exactly the host that it is asked for */
  constructor(store: AuthStore) {
    this.#store = store;
  }

  /**
   * @returns null for an id of no login, for a host that has none, and for the form (token or header)
   *   that its login does not have; otherwise it stays ours
   * @throws whatever the store throws
   */
  async open(id: string): Promise<Secret | null> {
    const [, form, host] = GIT_ID.exec(id) ?? HTTP_ID.exec(id) ?? [];
    if (host === undefined) return null;
    const asked = this.#hosts.get(host) ?? this.#ask(host);
    this.#hosts.set(host, asked);
    const login = await asked;
    return (form === "TOKEN" ? login?.token : login?.header) ?? null;
  }

  /** What text must not show: tokens, and the forms in which git and curl would show them. */
  get opened(): readonly Secret[] {
    return this.#opened;
  }

  [Symbol.dispose](): void {
    for (const secret of this.#opened) secret.wipe();
  }

  async #ask(host: string): Promise<HostLogin | null> {
    const found = await this.#store.credentials(host);
    if (found === null) return null;
    const { username, secret: token } = found;
    const basic = basicAuth(username === "" ? TOKEN_USER : username, token);
    this.#opened.push(token, basic);
    if (username === "") return { token, header: null };
    const header = prefixed("basic ", basic);
    this.#opened.push(header);
    return { token: null, header };
  }
}

/** RFC 7617: base64 of `user:password`. */
function basicAuth(username: string, token: Secret): Secret {
  const pair = prefixed(`${username}:`, token);
  try {
    return Secret.take(
      token.name,
      pair.use((bytes) => encodeBase64(bytes, "standard")),
    );
  } finally {
    pair.wipe();
  }
}

function prefixed(prefix: string, secret: Secret): Secret {
  return secret.use((bytes) => {
    return Secret.take(secret.name, Buffer.concat([Buffer.from(prefix), bytes]));
  });
}
