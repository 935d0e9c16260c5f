import { createHash } from "node:crypto";
import type { Platform } from "../../docker/platform.ts";
import type { ImageReference } from "../../docker/reference.ts";
import { repositoryOf } from "../../docker/reference.ts";
import type { LoginStore } from "../../docker/registry-auth.ts";
import { DockerError } from "../../errors.ts";
import { visible } from "../../mask/visible.ts";
import type { OpenBlob } from "./graph.ts";
import { readGraph } from "./graph.ts";
import { RegistryClient } from "./registry/client.ts";
import type { HttpOptions } from "./registry/http.ts";
import type { ImageSource, OpenSource } from "./source.ts";

/** How to read from a registry. */
export interface RegistryOptions extends HttpOptions {
  /** Where the login comes from: asked when the registry wants one. */
  readonly auth?: LoginStore | undefined;
  /** The only platform to read; without, every one that an index names. */
  readonly platform?: Platform | undefined;
  /** Speaks http, not https, also to other machines: then no login is sent. */
  readonly plainHttp?: boolean | undefined;
}

/** What names a blob of a registry: nothing that leads to another path. */
const DIGEST = /^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/u;

/**
 * An image in a registry, read by digests: no engine is needed, and nothing is kept. A tag that moves
 * meanwhile does not change what is read.
 *
 * @param name - what the report calls it
 * @returns a source whose `open` throws IMAGE_MISSING, REGISTRY_LOGIN, REGISTRY_UNREACHABLE,
 *   InterruptedError, and whatever the login store throws
 */
export function registryImage(
  reference: ImageReference,
  name: string,
  o: RegistryOptions = {},
): ImageSource {
  return {
    name,
    async open(signal) {
      const { host, path } = reference;
      const isPlain = o.plainHttp === true;
      const client = new RegistryClient({ ...o, host, path, isPlain, signal: signal ?? o.signal });
      try {
        return await openRoot(client, reference, o);
      } catch (error) {
        client[Symbol.dispose]();
        throw error;
      }
    },
  };
}

async function openRoot(
  client: RegistryClient,
  reference: ImageReference,
  { platform }: RegistryOptions,
): Promise<OpenSource> {
  const version = reference.digest ?? reference.tag ?? "latest";
  const root = await client.manifest(version);
  if (root === null) throw missing(reference, version);
  const digest = digestOf(root, reference.digest);
  if (reference.digest !== undefined && digest !== reference.digest) throw wrong(reference);
  return {
    isForeign: true,
    roots: [digest],
    platform,
    limits: ["signatures and other artifacts that refer to the image are not searched"],
    read: async (blobs) =>
      void (await readGraph(blobs, [digest], openIn(client, digest, root), { platform })),
    close: () => client[Symbol.dispose](),
  };
}

function openIn(client: RegistryClient, rootDigest: string, root: Buffer): OpenBlob {
  return async (digest, kind) => {
    if (digest === rootDigest) return chunksOf(root);
    if (!DIGEST.test(digest)) return null;
    if (kind === "blob") return client.blob(digest);
    const document = await client.manifest(digest);
    return document === null ? null : chunksOf(document);
  };
}

/** By the algorithm of the digest that was asked for. */
function digestOf(bytes: Buffer, asked = "sha256:"): string {
  const algorithm = asked.slice(0, asked.indexOf(":"));
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield bytes;
}

function missing(reference: ImageReference, version: string): DockerError {
  const shown = visible(`${repositoryOf(reference)} ${version}`);
  return new DockerError("IMAGE_MISSING", `the registry has no ${shown}`, {
    hint: "check name and tag; without a prefix, IMAGE is one of the engine",
  });
}

function wrong(reference: ImageReference): DockerError {
  const shown = visible(repositoryOf(reference));
  return new DockerError("IMAGE_UNREADABLE", `${shown}: the registry sent another manifest`, {
    hint: "ask the registry itself, without a cache or proxy between",
  });
}
