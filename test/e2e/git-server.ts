/** git over HTTP, as hosting sites speak it: Debian's `git http-backend` behind a server of Node's. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface GitServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** `Authorization` headers that came, undone from base64. */
  readonly logins: readonly string[];
}

/** Runs git in a folder, as nobody in particular and without the machine's own settings. */
export async function git(cwd: string, ...args: readonly string[]): Promise<string> {
  const identity = ["-c", "user.name=smtest", "-c", "user.email=smtest@example.org"];
  const env = { PATH: process.env["PATH"], HOME: cwd, GIT_CONFIG_NOSYSTEM: "1" };
  return (await run("git", [...identity, ...args], { cwd, env })).stdout.trim();
}

/**
 * Serves the repositories below a folder.
 *
 * @param login - `user:password` that is wanted; left out, everybody may read
 */
export async function gitServer(root: string, login?: string): Promise<GitServer> {
  const logins: string[] = [];
  const server = createServer((request, response) => {
    const given = loginOf(request);
    if (given !== "") logins.push(given);
    if (login !== undefined && given !== login) {
      response.writeHead(401, { "WWW-Authenticate": 'Basic realm="smtest"' }).end();
      return;
    }
    serve(root, request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    logins,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function loginOf({ headers }: IncomingMessage): string {
  return Buffer.from((headers.authorization ?? "").replace(/^Basic /i, ""), "base64").toString();
}

/** One request by CGI (RFC 3875). */
async function serve(
  root: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
  const { headers } = request;
  const child = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env["PATH"],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(pathname),
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: headers["content-type"],
      HTTP_CONTENT_ENCODING: headers["content-encoding"],
      HTTP_GIT_PROTOCOL: headers["git-protocol"] as string | undefined,
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.on("error", () => undefined);
  request.pipe(child.stdin);
  const answer = await buffer(child.stdout);
  const end = answer.indexOf("\r\n\r\n");
  for (const line of answer.subarray(0, Math.max(end, 0)).toString().split("\r\n")) {
    const [name = "", value = ""] = line.split(": ", 2);
    if (name === "Status") response.statusCode = Number.parseInt(value, 10);
    else if (name !== "") response.setHeader(name, value);
  }
  response.end(answer.subarray(end + 4));
}
