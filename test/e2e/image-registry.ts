/** A registry of one image that wants a login: enough of the distribution API for a pull. */
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";

import { pack } from "tar-stream";

export interface ImageRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`: engines speak plain http to loopback. */
  readonly host: string;
  /** `Authorization` headers that were sent, undone from base64. */
  readonly logins: readonly string[];
  /** With `stalls`: the engine has asked for the layer. */
  readonly asked: Promise<void>;
  /** With `stalls`: it has gone away again. */
  readonly givenUp: Promise<void>;
}

interface Blob {
  readonly digest: string;
  readonly bytes: Buffer;
}

/** Serves `/v2/private/base` with the tag 1: a scratch image with one file. */
export async function imageRegistry(o: {
  readonly username: string;
  readonly password: string;
  readonly os: string;
  readonly arch: string;
  /** The layer begins, and never ends; no engine has it already. */
  readonly stalls?: boolean;
}): Promise<ImageRegistry> {
  const layer = await layerTar(o.stalls === true ? randomUUID() : "from a private image");
  const compressed = blob(gzipSync(layer));
  const config = blob(
    JSON.stringify({
      architecture: o.arch,
      os: o.os,
      config: {},
      rootfs: { type: "layers", diff_ids: [blob(layer).digest] },
      history: [{ created_by: "smtest" }],
    }),
  );
  const type = "application/vnd.docker.distribution.manifest.v2+json";
  const manifest = blob(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: type,
      config: describeBlob(config, "application/vnd.docker.container.image.v1+json"),
      layers: [describeBlob(compressed, "application/vnd.docker.image.rootfs.diff.tar.gzip")],
    }),
  );
  const blobs = new Map([compressed, config, manifest].map((one) => [one.digest, one.bytes]));
  const logins: string[] = [];
  const wanted = `${o.username}:${o.password}`;
  const stalled = o.stalls === true ? compressed.digest : null;
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    const login = loginOf(request.headers.authorization);
    if (login !== "") logins.push(login);
    const name = lastPart(request.url);
    const digest = name === "1" ? manifest.digest : name;
    const bytes = blobs.get(digest);
    if (login !== wanted) {
      response.writeHead(401, { "WWW-Authenticate": 'Basic realm="smtest"' }).end("{}");
    } else if (bytes === undefined) {
      // `/v2/` itself is how an engine asks whether it is let in
      response.writeHead(name === "" ? 200 : 404).end("{}");
    } else {
      const isManifest = digest === manifest.digest;
      response.setHeader("Content-Type", isManifest ? type : "application/octet-stream");
      response.setHeader("Docker-Content-Digest", digest);
      response.setHeader("Content-Length", bytes.length);
      if (digest === stalled) {
        response.on("close", giveUp).write(bytes.subarray(0, 10));
        ask();
      } else response.end(request.method === "HEAD" ? undefined : bytes);
    }
  });
  await listen(server);
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    logins,
    asked,
    givenUp,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function lastPart(url = ""): string {
  return url.split("/").at(-1) ?? "";
}

function loginOf(authorization = ""): string {
  return Buffer.from(authorization.replace("Basic ", ""), "base64").toString();
}

async function listen(server: Server): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}

async function layerTar(content: string): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: "private.txt" }, content);
  tar.finalize();
  return buffer(tar);
}

function blob(content: string | Buffer): Blob {
  const bytes = Buffer.from(content);
  return { digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, bytes };
}

function describeBlob({ digest, bytes }: Blob, mediaType: string): object {
  return { mediaType, size: bytes.length, digest };
}
