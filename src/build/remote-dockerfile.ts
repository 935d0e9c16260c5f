/** `-f https://…`: a Dockerfile that is fetched here, so that a plan can be made of it. */
import { BuildError } from "../errors.ts";
import { request } from "../session/auth/http.ts";

const MOST_REDIRECTS = 5;

type Env = Readonly<Record<string, string | undefined>>;

/** True for a Dockerfile that is fetched. */
export function isRemote(dockerfile: string): boolean {
  return /^https?:\/\//i.test(dockerfile);
}

/**
 * Fetches it, through the usual proxies.
 *
 * @returns at most 1 MiB
 * @throws {@link BuildError} BUILD_DOCKERFILE
 */
export async function fetchDockerfile(dockerfile: string, env: Env): Promise<Buffer> {
  let url = checked(URL.parse(dockerfile));
  for (let hop = 0; hop <= MOST_REDIRECTS; hop += 1) {
    const { status, headers, body } = await request(url, { method: "GET", env }).catch(() => {
      throw unfetched("can't be fetched");
    });
    if (status === 200) return body;
    if (status < 300 || status >= 400 || headers.location === undefined)
      throw unfetched(`was answered with ${status}`);
    const next = checked(URL.parse(headers.location, url.href));
    if (url.protocol === "https:" && next.protocol !== "https:") throw unfetched("leaves https");
    url = next;
  }
  throw unfetched("is redirected without an end");
}

function checked(url: URL | null): URL {
  if (url === null || !isRemote(url.href)) throw unfetched("is no http address");
  // it would stand in an error, a proxy's log, and whatever follows a redirect
  if (url.username + url.password !== "") throw unfetched("has a login in it");
  return url;
}

function unfetched(why: string): BuildError {
  return new BuildError("BUILD_DOCKERFILE", `the address of the Dockerfile ${why}`, {
    hint: "download it, and name the file with -f PATH",
  });
}
