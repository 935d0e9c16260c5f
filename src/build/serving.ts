/** What the session serves for a build's contexts, and under which names the engine asks for it. */
import { randomBytes } from "node:crypto";

import type { Attributes } from "../session/control/messages.ts";
import {
  type ContentInspector,
  fileSyncService,
  type SyncedDir,
} from "../session/filesync/service.ts";
import type { GrpcService } from "../session/grpc.ts";
import { uploadService, uploadUrl } from "../session/upload/service.ts";
import type { BuildInputs, ContextSource, Dockerfile } from "./inputs.ts";
import { sharedKey } from "./shared-key.ts";

/** The contexts of one build, ready to be asked for. */
export interface Serving {
  readonly services: readonly GrpcService[];
  /** Front end attributes that name them. */
  readonly places: Attributes;
  /** Of the build's own context. */
  readonly sharedKey: string;
}

/** Who is told, and who looks. */
export interface ServingListeners {
  /** Told why a file can't be sent; the engine only hears that it can't. */
  onFailure(this: void, error: Error): void;
  /** Sees what is sent, before it is. */
  readonly guard?: (ContentInspector & StreamInspector) | undefined;
}

/** Looks at a stream while it passes it on; what it throws ends the upload. */
export interface StreamInspector {
  stream(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer>;
}

/** Makes the services. */
export async function serve(
  inputs: BuildInputs,
  cwd: string,
  { onFailure, guard }: ServingListeners,
): Promise<Serving> {
  const { context, dockerfile, named } = inputs;
  const dirs = new Map<string, SyncedDir>(dirsOf(inputs, cwd));
  const upload = uploadOf(context, { onFailure, guard });
  const places: Record<string, string> = {
    filename: dockerfile.name,
    ...(context.kind === "reference" && { context: context.value }),
    ...(upload !== null && { context: uploadUrl(upload.id) }),
    // without it, the Dockerfile is looked for in the remote context
    ...(context.kind === "reference" && dirs.has("dockerfile") && { dockerfilekey: "dockerfile" }),
  };
  for (const [name, source] of named) Object.assign(places, await placesOf(name, source));
  if (named.size > 0) places["frontend.caps"] = "moby.buildkit.frontend.contexts+forward";
  return {
    services: [
      fileSyncService(dirs, { onFailure, inspector: guard }),
      ...(upload === null ? [] : [uploadService(upload)]),
    ],
    places,
    // another name than that of the folder itself, whose copy an empty context would replace
    sharedKey: await sharedKey(context.kind === "folder" ? context.root : `${cwd}/-`),
  };
}

function* dirsOf(
  { context, dockerfile, named }: BuildInputs,
  cwd: string,
): Generator<[string, SyncedDir]> {
  if (context.kind === "folder") yield ["context", { root: context.root }];
  if (context.kind === "empty") yield ["context", { root: cwd, only: [] }];
  if (dockerfile.content !== null) yield ["dockerfile", dockerfileDir(dockerfile, cwd)];
  for (const [name, source] of named)
    if (source.kind === "folder") yield [localName(name), { root: source.root }];
}

/** The Dockerfile as it was read and planned with, and nothing else of its folder. */
function dockerfileDir({ name, content, ignore }: Dockerfile, root: string): SyncedDir {
  const virtual = new Map<string, Buffer>();
  if (content !== null) virtual.set(name, content);
  if (ignore !== null) virtual.set(`${name}.dockerignore`, ignore);
  return { root, only: [...virtual.keys()], virtual };
}

async function placesOf(name: string, source: ContextSource): Promise<Attributes> {
  if (source.kind === "reference") return { [`context:${name}`]: source.value };
  if (source.kind !== "folder") return {};
  return {
    [`context:${name}`]: `local:${localName(name)}`,
    [`sharedkey:localdir:${localName(name)}`]: await sharedKey(source.root),
  };
}

/** What the engine calls a named context: two names are the build's own. */
export function localName(name: string): string {
  return name === "context" || name === "dockerfile" ? `_${name}` : name;
}

function uploadOf(
  context: ContextSource,
  { onFailure, guard }: ServingListeners,
): Parameters<typeof uploadService>[0] | null {
  if (context.kind !== "archive") return null;
  const id = randomBytes(16).toString("hex");
  const open = (): AsyncIterable<Buffer> => {
    const stream = context.input.stream();
    return guard?.stream(stream) ?? stream;
  };
  return { id, open, onFailure };
}
