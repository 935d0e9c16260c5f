/** `--build-context NAME=oci-layout://PATH[:TAG][@DIGEST]`, as docker reads it. */
import { resolve } from "node:path";

import { BuildError } from "../errors.ts";
import { hexOf } from "../session/content/digest.ts";
import { findEntry, IndexError, readEntries } from "../session/content/oci-index.ts";
import type { BuildRequest } from "./options.ts";

/** A folder of this machine, and the image in it. */
export interface LayoutSource {
  readonly kind: "layout";
  /** Absolute path of the layout. */
  readonly root: string;
  /** `sha256:…` of the manifest. */
  readonly digest: string;
}

const PREFIX = "oci-layout://";

/** True for a context from an OCI layout. */
export function isLayout(value: string): boolean {
  return value.startsWith(PREFIX);
}

/**
 * Finds the image: by its digest, else by its tag (`latest` where none is named), else the only one
 * of the layout.
 *
 * @param name - of the context, for errors
 * @throws {@link BuildError} BUILD_CONTEXT when there is no such image
 */
export async function readLayout(
  name: string,
  value: string,
  { cwd }: BuildRequest,
): Promise<LayoutSource> {
  const { path, tag, digest } = parts(value.slice(PREFIX.length));
  const root = resolve(cwd, path);
  return { kind: "layout", root, digest: digest ?? (await digestOf(name, root, tag)) };
}

function parts(text: string): {
  readonly path: string;
  readonly tag: string;
  readonly digest: string | null;
} {
  const at = text.lastIndexOf("@");
  const digest = at >= 0 && hexOf(text.slice(at + 1)) !== null ? text.slice(at + 1) : null;
  const rest = digest === null ? text : text.slice(0, at);
  // a path may have a colon too; what follows the last one is a tag where it can be one
  const [, path = rest, tag = "latest"] = /^(.+):(\w[\w.-]{0,127})$/.exec(rest) ?? [];
  return { path, tag, digest };
}

async function digestOf(name: string, root: string, tag: string): Promise<string> {
  const entries = await readEntries(root).catch((error: unknown) => {
    if (error instanceof IndexError) throw unusable(name, `its index.json ${error.message}`);
    throw error;
  });
  if (entries === null) throw unusable(name, "there is no index.json");
  const [only] = entries;
  const found = findEntry(entries, tag) ?? (entries.length === 1 ? only : undefined);
  if (found === undefined) throw unusable(name, "it has several images, and none of that tag");
  return found.digest;
}

function unusable(name: string, why: string): BuildError {
  return new BuildError("BUILD_CONTEXT", `--build-context ${name}: no OCI layout to use: ${why}`, {
    hint: "name a folder with index.json and blobs, and one of its tags: oci-layout://PATH:TAG",
  });
}
