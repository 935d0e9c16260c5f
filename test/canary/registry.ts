/** A registry that gives back whatever login it gets, in every answer that a client could print. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { digestOf } from "../unit/verify/archives.ts";

export interface EchoRegistry extends AsyncDisposable {
  readonly host: string;
  /** Logins and parts of them that it was sent. */
  readonly logins: readonly string[];
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** @param layout - the image that its repository `leaky` has, as an OCI layout */
export async function echoRegistry(
  layout: Readonly<Record<string, Buffer>>,
): Promise<EchoRegistry> {
  const logins: string[] = [];
  const repositories = repositoriesOf(layout);
  const server = createServer((request, response) => {
    const { authorization } = request.headers;
    if (authorization !== undefined) logins.push(authorization);
    const [, , name = ""] = (request.url ?? "").split("/");
    (repositories[name] ?? notThere)(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    logins,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function repositoriesOf(
  layout: Readonly<Record<string, Buffer>>,
): Readonly<Record<string, Answer>> {
  return {
    // a token service, by its path: /token/NAME
    issue: (request, response) => echo(request, response, 403),
    denied: (request, response) =>
      challenge(request, response, `Basic realm="${loginOf(request)}"`),
    token: (request, response) => {
      const realm = `http://${request.headers.host}/token/issue/${loginOf(request)}`;
      challenge(request, response, `Bearer realm="${realm}",service="x",scope="y"`);
    },
    strange: (request, response) => {
      if (request.headers.authorization === undefined) challenge(request, response, "Basic");
      else echo(request, response, 418);
    },
    moved: (request, response) => {
      if (request.headers.authorization === undefined) return challenge(request, response, "Basic");
      response.writeHead(307, { Location: `http://127.0.0.1:1/${loginOf(request)}` }).end();
    },
    leaky: (request, response) => {
      if (request.headers.authorization === undefined) return challenge(request, response, "Basic");
      serve(layout, request, response);
    },
    open: (request, response) => serve(layout, request, response),
    cut: (request, response) => {
      if ((request.url ?? "").includes("/blobs/")) request.socket.destroy();
      else serve(layout, request, response);
    },
  };
}

const notThere: Answer = (request, response) => echo(request, response, 404);

function challenge(request: IncomingMessage, response: ServerResponse, text: string): void {
  response.setHeader("WWW-Authenticate", text);
  echo(request, response, 401);
}

/** As it came, and as it was before it was encoded. */
function echo(request: IncomingMessage, response: ServerResponse, status: number): void {
  const login = loginOf(request);
  const plain = Buffer.from(login, "base64").toString();
  response.writeHead(status, login, { "X-Login": login });
  response.end(JSON.stringify({ errors: [{ code: plain, message: plain, detail: login }] }));
}

/** Base64, or nothing. */
function loginOf({ headers }: IncomingMessage): string {
  return (headers.authorization ?? "").replace(/^\w+ /, "");
}

function serve(
  layout: Readonly<Record<string, Buffer>>,
  { url = "" }: IncomingMessage,
  response: ServerResponse,
): void {
  const name = url.slice(url.lastIndexOf("/") + 1);
  const index = JSON.parse(String(layout["index.json"])) as { manifests: { digest: string }[] };
  const digest = name.startsWith("sha256:") ? name : (index.manifests[0]?.digest ?? "");
  const bytes = layout[`blobs/${digest.replace(":", "/")}`];
  if (bytes === undefined || digestOf(bytes) !== digest) response.writeHead(404).end();
  else response.end(bytes);
}
