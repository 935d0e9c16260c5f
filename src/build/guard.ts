/**
 * Looks for plaintext that is about to travel to the engine, before anything is sent: secrets of the
 * manifest, and private keys. What arrives there stays there: in the build cache, in the image, in
 * its history.
 *
 * Pure over its inputs: the caller says which files travel, and opens them. A finding holds names
 * and places, never a value or a line.
 */
import { escapeControl } from "../docker/errors.ts";
import type { Place } from "../errors.ts";
import type { Encoding, Needle } from "../needles/needle.ts";
import type { NeedleTable } from "../needles/table.ts";
import { needlesOf } from "../needles/variants.ts";
import type { Secret } from "../secret/secret.ts";
import { isKeyName, isVariablesName } from "./guard-names.ts";
import { FileScan, linesAt, type ScanHit } from "./guard-scan.ts";

/** Where plaintext was found; `tar` is the context on stdin. */
export type PlaintextPlace = FlagPlace | "dockerfile" | "file" | "file-name" | "tar";

/** A flag of docker's, or the context itself where it is a URL. */
export type FlagPlace = "build-arg" | "label" | "annotation" | "build-context" | "context";

/** One place of one secret. */
export interface PlaintextFinding {
  readonly where: PlaintextPlace;
  /** Name of the secret; null when it is a key or a file that no manifest names. */
  readonly secret: string | null;
  /** What it is, in words: `secret API_KEY`, `a private key of sealmount`. */
  readonly what: string;
  /** `file` and `line` for what stands in files; `key` is the flag for what stands in one. */
  readonly place: Place;
  /** False for what may well be harmless, such as a `.env` without any known secret. */
  readonly certain: boolean;
  /** For a file: where it could be ignored. */
  readonly ignore?: Ignorable;
}

/** How a file would be kept here. */
export interface Ignorable {
  /** The ignore file, as shown. */
  readonly file: string;
  /** What to write into it. */
  readonly pattern: string;
}

/** A file that travels. */
export interface TravellingFile {
  /** Relative to its context, with `/`. */
  readonly path: string;
  /** As shown in messages. Default: {@link path}. */
  readonly shown?: string | undefined;
  /** The ignore file of its context, as shown. Default: `.dockerignore`. */
  readonly ignoreFile?: string | undefined;
  /**
   * Its bytes in chunks of any size, each with memory of its own. Called again when something was
   * found, for line numbers.
   */
  open(): AsyncIterable<Buffer>;
}

/** What is about to travel. */
export interface GuardInput {
  /** Names with their final values, those from the environment too; in the order of the message. */
  readonly flags?: Iterable<readonly [place: FlagPlace, name: string, value: string]>;
  readonly dockerfile?: { readonly shown: string; readonly content: Buffer };
  /** What the ignore file lets through. */
  readonly files?: AsyncIterable<TravellingFile>;
  readonly signal?: AbortSignal | undefined;
}

/** Places of one secret in one file that are told; more say no more. */
const MAX_LINES = 10;
/** Shown for a name that itself contains a secret. */
const WITHHELD = "***";

/**
 * The needles of those secrets whose presence is no accident: values such as `true` or `1234` stand
 * in any project.
 *
 * @returns the caller wipes them with `wipeNeedles`
 */
export function guardNeedles(secrets: Iterable<Secret>): Needle[] {
  return [...secrets].flatMap((secret) => needlesOf(secret, "search"));
}

/**
 * Finds every place at once, in the order: flags, Dockerfile, files.
 *
 * Memory: about 300 KiB, whatever the files' sizes.
 *
 * @param table - of {@link guardNeedles}; stays the caller's to wipe
 * @throws what `files` or their `open` throw, and the signal's reason
 */
export async function findPlaintext(
  table: NeedleTable,
  input: GuardInput,
): Promise<PlaintextFinding[]> {
  const scan = new FileScan(table);
  try {
    return [
      ...inFlags(scan, input.flags ?? []),
      ...(await inDockerfile(scan, input)),
      ...(await inFiles(scan, input)),
    ];
  } finally {
    scan.wipe();
  }
}

function inFlags(
  scan: FileScan,
  flags: Iterable<readonly [place: FlagPlace, name: string, value: string]>,
): PlaintextFinding[] {
  return [...flags].flatMap(([where, name, value], index) => {
    const isNameSecret = scan.text(name).length > 0;
    const shown = isNameSecret ? `number ${index + 1}` : escapeControl(name);
    const place = { key: where === "context" ? "the context's URL" : `--${where} ${shown}` };
    const hits = scan.text(`${name}=${value}`);
    return oneEach(hits).map((hit) => finding(where, hit, place));
  });
}

async function inDockerfile(
  scan: FileScan,
  { dockerfile }: GuardInput,
): Promise<PlaintextFinding[]> {
  if (dockerfile === undefined) return [];
  const { shown, content } = dockerfile;
  const open = async function* (): AsyncGenerator<Buffer> {
    yield content;
  };
  return inFile(scan, "dockerfile", { path: shown, open });
}

async function inFiles(scan: FileScan, input: GuardInput): Promise<PlaintextFinding[]> {
  const found: PlaintextFinding[] = [];
  for await (const file of input.files ?? []) {
    input.signal?.throwIfAborted();
    found.push(...inName(scan, file), ...(await inFile(scan, "file", file)));
  }
  return found;
}

/** A name travels as its content does, and must not be shown then. */
function inName(scan: FileScan, { path }: TravellingFile): PlaintextFinding[] {
  return oneEach(scan.text(path)).map((hit) => finding("file-name", hit, { file: WITHHELD }));
}

async function inFile(
  scan: FileScan,
  where: "dockerfile" | "file",
  file: TravellingFile,
): Promise<PlaintextFinding[]> {
  const { hits, isPrivateKey } = await scan.file(file.open());
  const shown = scan.text(file.path).length > 0 ? WITHHELD : escapeControl(file.shown ?? file.path);
  const more = where === "file" && shown !== WITHHELD ? { ignore: ignorable(file) } : {};
  if (hits.length === 0) {
    const found = suspicious(file.path, shown, isPrivateKey);
    return found === null ? [] : [{ ...found, ...more }];
  }
  const lines = await linesAt(
    file.open(),
    hits.map(({ offset }) => offset),
  );
  const places = withoutRepeats(
    hits.map((hit, index) => ({ ...hit, line: lines[index] ?? undefined })),
  );
  return places.map(({ line, ...hit }) => ({
    ...finding(where, hit, { file: shown, ...(line !== undefined && { line }) }),
    ...more,
  }));
}

function ignorable({ path, ignoreFile = ".dockerignore" }: TravellingFile): Ignorable {
  return { file: escapeControl(ignoreFile), pattern: escapeControl(path) };
}

/** One place of one secret. @param hit - null secret: a private key */
export function finding(where: PlaintextPlace, hit: ScanHit, place: Place): PlaintextFinding {
  const what = hit.secret === null ? "a private key of sealmount" : nameOf(hit);
  return { where, secret: hit.secret, what, place, certain: true };
}

function nameOf({ secret, encoding }: ScanHit): string {
  const name = `secret ${escapeControl(secret ?? "")}`;
  if (encoding === "raw") return name;
  return encoding === "line" ? `a line of ${name}` : `${name} (as ${encoding})`;
}

/** Each secret once: one flag is one place. */
function oneEach(hits: readonly ScanHit[]): ScanHit[] {
  return [...new Map(hits.map((hit) => [hit.secret, hit])).values()];
}

interface LinedHit extends ScanHit {
  readonly line: number | undefined;
}

/** Parts of a value: all that is told where they stand is told by the whole. */
const PARTS: ReadonlySet<Encoding> = new Set(["line", "pem", "jwt"]);

/** One for each secret and line; parts of a value only where it is not there as a whole. */
function withoutRepeats(hits: readonly LinedHit[]): LinedHit[] {
  const whole = new Set(
    hits.filter(({ encoding }) => !PARTS.has(encoding)).map(({ secret }) => secret),
  );
  const counts = new Map<string | null, number>();
  const seen = new Set<string>();
  return hits
    .toSorted((a, b) => a.offset - b.offset)
    .filter(({ secret, encoding, line }) => {
      const key = JSON.stringify([secret, line]);
      if ((PARTS.has(encoding) && whole.has(secret)) || seen.has(key)) return false;
      seen.add(key);
      counts.set(secret, (counts.get(secret) ?? 0) + 1);
      return (counts.get(secret) ?? 0) <= MAX_LINES;
    });
}

/** Files that are known to be no place for the public, whatever stands in them. */
function suspicious(path: string, shown: string, isPrivateKey: boolean): PlaintextFinding | null {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const what = isVariablesName(name)
    ? "a file of variables"
    : isPrivateKey && isKeyName(name)
      ? "a private key"
      : null;
  return what && { where: "file", secret: null, what, place: { file: shown }, certain: false };
}
