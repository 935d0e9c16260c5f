/** A web server that wants a login: files, and git repositories over git's smart protocol. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface SourceServer extends AsyncDisposable {
  readonly port: number;
  /** `Authorization` of every request, or "" where there was none, in their order. */
  readonly logins: readonly string[];
}

/** @param o.accept - what `Authorization` has to be; @param o.repositories - folder of bare ones */
export async function sourceServer(o: {
  readonly accept: string;
  readonly file: string;
  readonly repositories: string;
}): Promise<SourceServer> {
  const logins: string[] = [];
  const server = createServer((request, response) => {
    const login = request.headers.authorization ?? "";
    logins.push(login);
    if (login !== o.accept) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="test"' }).end();
    } else if (request.url?.startsWith("/file") === true) response.end(o.file);
    else gitBackend(o.repositories, request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    logins,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** CGI (RFC 3875), as far as git needs it. */
function gitBackend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://host");
  const child = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env["PATH"],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      REQUEST_METHOD: request.method,
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers["content-type"],
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"],
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  request.pipe(child.stdin);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.once("close", () => {
    const answer = Buffer.concat(chunks);
    const end = answer.indexOf("\r\n\r\n");
    for (const line of answer.toString("latin1", 0, end).split("\r\n")) {
      const [name = "", value = ""] = line.split(/: */, 2);
      if (name === "Status") response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.end(answer.subarray(end + 4));
  });
}

/** Makes a bare repository `NAME.git` with one commit of a folder. */
export async function makeRepository(o: {
  readonly root: string;
  readonly name: string;
  readonly folder: string;
}): Promise<void> {
  const git = async (...args: string[]): Promise<unknown> =>
    run("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", "-C", o.folder, ...args], {
      env: { PATH: process.env["PATH"], HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" },
    });
  await git("init", "-q", "-b", "main");
  await git("add", ".");
  await git("commit", "-q", "-m", "one");
  await git("clone", "-q", "--bare", ".", join(o.root, `${o.name}.git`));
}
