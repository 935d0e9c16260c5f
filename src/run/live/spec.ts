/**
 * What a container's labels say of the secrets it was started with: names, places and digests, never
 * a value. `refresh`, `ps`, `revoke` and the agent work from this alone.
 */
import { escapeControl } from "../../docker/errors.ts";
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
/** Over the labels of `sign.ts`, in hexadecimal digits, by the key that {@link LABEL_KEY} names. */
export const LABEL_MAC = "sealmount.mac";
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
  /** Names of secret variables. */
  readonly variables: readonly string[];
  /** They are in the gate's file: hidden, or brought back by the agent. */
  readonly hides: boolean;
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
  const [app, environment, run = ""] = [LABEL_APP, LABEL_ENV, LABEL_RUN].map((key) => labels[key]);
  if (spec === null || !isName(app) || !isName(environment) || !/^[0-9a-f]{16}$/.test(run)) {
    return null;
  }
  return {
    app,
    environment,
    run,
    spec,
    digests: readDigests(labels[LABEL_DIGESTS]),
    fingerprint: readFingerprint(labels[LABEL_KEY]),
    folder: labels[LABEL_FOLDER],
    reseed: labels[LABEL_RESEED] === "agent",
  };
}

/** @returns undefined for what is none */
export function readFingerprint(text: unknown): string | undefined {
  return typeof text === "string" && /^[0-9a-f]{8,64}$/.test(text) ? text : undefined;
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
  const found = fieldsOf(parse(text));
  if (found.get("version") !== 1) return null;
  const list = (key: string): unknown => found.get(key);
  const isWhole =
    every(list("files"), isFile) &&
    every(list("folders"), isFolder) &&
    every(list("singles"), isSingle) &&
    every(list("volumes"), isVolume) &&
    namesOnly(list("variables")) &&
    typeof list("hides") === "boolean";
  if (!isWhole) return null;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every part is looked at above
  const spec = parse(text) as LaunchSpec;
  return pointsInside(spec) ? spec : null;
}

type Check = (fields: ReadonlyMap<string, unknown>) => boolean;

const isFile: Check = (fields) =>
  isName(fields.get("name")) &&
  isNumber(fields.get("mode"), 0o777) &&
  ["uid", "gid"].every((key) => isNumber(fields.get(key), MAX_ID));

/** Keys and paths lead into a store, never out of it. */
const isFolder: Check = (fields) =>
  isMount(fields) &&
  every(
    fields.get("files"),
    (file) => isInside(file.get("path")) && isNumber(file.get("file"), Infinity),
  );

const isSingle: Check = (fields) => isMount(fields) && isNumber(fields.get("file"), Infinity);

const isVolume: Check = (fields) =>
  isName(fields.get("name")) && (fields.get("key") === null || isKey(fields.get("key")));

function isMount(fields: ReadonlyMap<string, unknown>): boolean {
  const target = fields.get("target");
  return isKey(fields.get("key")) && isName(target) && target.startsWith("/");
}

/** The numbers count `files`. */
function pointsInside({ files, folders, singles }: LaunchSpec): boolean {
  const used = [...folders.flatMap((folder) => folder.files), ...singles];
  return used.every(({ file }) => file < files.length);
}

/** Largest id that means somebody. */
const MAX_ID = 0xfffffffe;

function isNumber(value: unknown, most: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most;
}

/** Names are shown: none may steer a terminal. */
function isName(value: unknown): value is string {
  return typeof value === "string" && /^[^\n\t]+$/.test(value) && escapeControl(value) === value;
}

/** As `layout.ts` makes them. */
function isKey(value: unknown): boolean {
  return typeof value === "string" && /^[mf]\d{1,6}$/.test(value);
}

/** No segment is empty, a dot, or begins with the two dots of `tree.ts`. */
function isInside(path: unknown): boolean {
  return isName(path) && path.split("/").every((part) => !/^(\.?$|\.\.)/.test(part));
}

function every(list: unknown, check: Check): boolean {
  return Array.isArray(list) && list.every((value: unknown) => check(fieldsOf(value)));
}

function namesOnly(list: unknown): boolean {
  return Array.isArray(list) && list.every(isName);
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
