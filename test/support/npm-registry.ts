/**
 * A private npm registry on the loopback interface: one scoped package, and every request needs the
 * bearer token. What the demo and the tests build against in place of a company's registry.
 *
 * `node test/support/npm-registry.ts PORT` serves it by hand; the token comes by NPM_TOKEN.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { crc32 } from "node:zlib";

const NAME = "@acme/widget";
const VERSION = "1.0.0";
const PACKAGE = { name: NAME, version: VERSION, type: "module", exports: "./index.js" };
const SOURCE = `/** A line for the page of whoever pays for @acme/widget. */
export function widget(text) {
  return \`[ \${text} ]\`;
}
`;

export interface NpmRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** The lines of an `.npmrc` that lets npm in: the build secret of the tests. */
  readonly npmrc: string;
  /** Answered and refused requests so far. */
  readonly counts: { readonly served: number; readonly refused: number };
}

/** Serves the registry until it is disposed. */
export async function startNpmRegistry(token: string, port = 0): Promise<NpmRegistry> {
  const counts = { served: 0, refused: 0 };
  const server = createServer((request, response) => {
    const allowed = isAllowed(request, token);
    counts[allowed ? "served" : "refused"] += 1;
    if (allowed) answer(request, response);
    else json(response, 401, { error: "a token is needed" });
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject).listen(port, "127.0.0.1", resolve);
  });
  const host = `127.0.0.1:${portOf(server)}`;
  return {
    url: `http://${host}`,
    npmrc: `@acme:registry=http://${host}/\n//${host}/:_authToken=${token}\n`,
    counts,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening");
  return address.port;
}

function isAllowed(request: IncomingMessage, token: string): boolean {
  const given = digestOf(request.headers.authorization ?? "");
  return timingSafeEqual(given, digestOf(`Bearer ${token}`));
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = decodeURIComponent(request.url ?? "");
  const tarballPath = `/${NAME}/-/widget-${VERSION}.tgz`;
  if (path === tarballPath) response.end(TARBALL);
  else if (path !== `/${NAME}`) json(response, 404, { error: "no such package" });
  else {
    const tarball = `http://${request.headers.host}${tarballPath}`;
    const version = { ...PACKAGE, dist: { tarball, integrity: INTEGRITY } };
    json(response, 200, {
      name: NAME,
      "dist-tags": { latest: VERSION },
      versions: { [VERSION]: version },
    });
  }
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

// ---------------------------------------------------------------- the package as a tarball

/**
 * gzip whose bytes never change (RFC 1952 around one stored block of RFC 1951), since their hash stands
 * in a lock file: what zlib's compressor gives is not the same in every version.
 *
 * @param data - at most 65,535 bytes, the largest stored block
 */
function stableGzip(data: Buffer): Buffer {
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]); // no time, no system
  const block = Buffer.alloc(5);
  block.writeUInt8(1, 0); // the last block, stored
  block.writeUInt16LE(data.length, 1);
  block.writeUInt16LE(~data.length & 0xffff, 3);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(data), 0);
  trailer.writeUInt32LE(data.length, 4);
  return Buffer.concat([header, block, data, trailer]);
}

/** A ustar archive with every file at the epoch, mode 0644, owned by root. */
function tar(files: Readonly<Record<string, string>>): Buffer {
  const blocks = Object.entries(files).flatMap(([path, text]) => {
    const body = Buffer.from(text);
    const padding = Buffer.alloc((512 - (body.length % 512)) % 512);
    return [tarHeader(`package/${path}`, body.length), body, padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** POSIX.1-1988 (ustar): octal numbers, the checksum counted with spaces in its own place. */
function tarHeader(path: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  header.write(path, 0);
  header.write(octal(0o644, 8) + octal(0, 8) + octal(0, 8) + octal(size, 12) + octal(0, 12), 100);
  header.write("        0", 148);
  header.write("ustar\x0000", 257);
  header.write(octal(sumOf(header), 7), 148);
  return header;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\0`;
}

function sumOf(bytes: Buffer): number {
  return bytes.reduce((sum, byte) => sum + byte, 0);
}

const TARBALL = stableGzip(tar({ "package.json": JSON.stringify(PACKAGE), "index.js": SOURCE }));

/** What a lock file of `@acme/widget` holds. */
export const INTEGRITY = `sha512-${createHash("sha512").update(TARBALL).digest("base64")}`;

if (import.meta.main) {
  const registry = await startNpmRegistry(process.env["NPM_TOKEN"] ?? "", Number(process.argv[2]));
  process.stdout.write(`${registry.url}\n`);
}
