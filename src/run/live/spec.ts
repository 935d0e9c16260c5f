/**
 * What a container's labels say of the secrets it was started with: names, places and digests, never
 * a value. `refresh`, `ps`, `revoke` and the agent work from this alone.
 */
import { LABEL_FOLDER, LABEL_RUN } from "../../docker/labels.ts";
import type { StoredFile, StoredFolder } from "../delivery/layout.ts";

/** The app and environment whose values the container has. */
export const LABEL_APP = "sealmount.app";
export const LABEL_ENV = "sealmount.env";
/** A {@link LaunchSpec} as JSON. */
export const LABEL_SPEC = "sealmount.spec";
/** Digests of the values at the start, by name, as JSON; see `crypto/digest.ts`. */
export const LABEL_DIGESTS = "sealmount.digests";
/** Fingerprint of the key that the digests belong to. */
export const LABEL_KEY = "sealmount.key";
/** `agent`: `sealmount agent` brings the files back after each start. */
export const LABEL_RESEED = "sealmount.reseed";

/** A file that was delivered. */
export interface SpecFile {
  readonly name: string;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Which secrets a container has, and where. */
export interface LaunchSpec {
  readonly version: 1;
  readonly files: readonly SpecFile[];
  /** As in the store; the numbers in them count `files`. */
  readonly folders: readonly StoredFolder[];
  readonly singles: readonly StoredFile[];
  /** Volumes of the store; empty for a folder of the client's machine. `key` as in `volumes.ts`. */
  readonly volumes: readonly { readonly name: string; readonly key: string | null }[];
  /** Names of secret variables in the container's own environment. */
  readonly variables: readonly string[];
}

/** Who a run belongs to. */
export interface LaunchIdentity {
  readonly app: string;
  readonly environment: string;
}

/** All that the labels of one container say. */
export interface LaunchLabels extends LaunchIdentity {
  /** The id that it shares with its helpers, volumes and folder. */
  readonly run: string;
  readonly spec: LaunchSpec;
  readonly digests: ReadonlyMap<string, string>;
  /** Of the key that the digests belong to; undefined where there are none. */
  readonly fingerprint: string | undefined;
  /** Folder of the client's machine that holds the store. */
  readonly folder: string | undefined;
  readonly reseed: boolean;
}

/** Labels for the create request. */
export function specLabels(
  identity: LaunchIdentity,
  spec: LaunchSpec,
  o: Pick<LaunchLabels, "digests" | "fingerprint" | "reseed">,
): Record<string, string> {
  return {
    [LABEL_APP]: identity.app,
    [LABEL_ENV]: identity.environment,
    [LABEL_SPEC]: JSON.stringify(spec),
    [LABEL_DIGESTS]: JSON.stringify(Object.fromEntries(o.digests)),
    ...(o.fingerprint === undefined ? {} : { [LABEL_KEY]: o.fingerprint }),
    ...(o.reseed ? { [LABEL_RESEED]: "agent" } : {}),
  };
}

/**
 * Reads them back.
 *
 * @returns null for a container that carries none, or none that this version understands
 */
export function readLabels(labels: Readonly<Record<string, string>>): LaunchLabels | null {
  const spec = parseSpec(labels[LABEL_SPEC]);
  if (spec === null) return null;
  return {
    app: labels[LABEL_APP] ?? "",
    environment: labels[LABEL_ENV] ?? "",
    run: labels[LABEL_RUN] ?? "",
    spec,
    digests: readDigests(labels[LABEL_DIGESTS]),
    fingerprint: labels[LABEL_KEY],
    folder: labels[LABEL_FOLDER],
    reseed: labels[LABEL_RESEED] === "agent",
  };
}

/** Names and digests from JSON; whatever is no text is left out. */
export function readDigests(text: string | undefined): Map<string, string> {
  const found = parse(text);
  if (typeof found !== "object" || found === null) return new Map();
  return new Map(
    Object.entries(found).filter((pair): pair is [string, string] => typeof pair[1] === "string"),
  );
}

/** A label is written by us, but anybody who may create containers can write one too. */
function parseSpec(text: string | undefined): LaunchSpec | null {
  const found = parse(text);
  if (typeof found !== "object" || found === null) return null;
  const fields = new Map<string, unknown>(Object.entries(found));
  const lists = ["files", "folders", "singles", "volumes", "variables"].map((key) =>
    fields.get(key),
  );
  if (fields.get("version") !== 1 || !lists.every(Array.isArray)) return null;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- looked at above; paths are checked where used
  const spec = found as LaunchSpec;
  return isSafe(spec) ? spec : null;
}

/** Keys and paths lead into a store, never out of it. */
function isSafe({ folders, singles, files, volumes }: LaunchSpec): boolean {
  const known = (index: unknown): boolean => typeof index === "number" && index in files;
  return (
    [...folders, ...singles].every(
      ({ key, target }) => inside(key) && typeof target === "string",
    ) &&
    folders.every((folder) =>
      folder.files.every(({ path, file }) => inside(path) && known(file)),
    ) &&
    singles.every(({ file }) => known(file)) &&
    volumes.every(({ name, key }) => typeof name === "string" && (key === null || inside(key)))
  );
}

function inside(path: unknown): boolean {
  return typeof path === "string" && /^[^/]/.test(path) && !path.split("/").includes("..");
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
