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
import type { Needle } from "../needles/needle.ts";
import { provability } from "../needles/provability.ts";
import { NeedleTable } from "../needles/table.ts";
import { needlesOf } from "../needles/variants.ts";
import type { Secret } from "../secret/secret.ts";
import { FileScan, linesAt, type ScanHit } from "./guard-scan.ts";

/** Where plaintext was found. */
export type PlaintextPlace = "build-arg" | "label" | "dockerfile" | "file" | "file-name";

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
}

/** A file that travels. */
export interface TravellingFile {
  /** Relative to the context, with `/`. */
  readonly path: string;
  /**
   * Its bytes in chunks of any size, each with memory of its own. Called again when something was
   * found, for line numbers.
   */
  open(): AsyncIterable<Buffer>;
}

/** What is about to travel. */
export interface GuardInput {
  /** See {@link guardNeedles}; stay the caller's to wipe. */
  readonly needles: readonly Needle[];
  /** Names with their final values, those from the environment too. */
  readonly buildArgs?: Iterable<readonly [string, string]>;
  readonly labels?: Iterable<readonly [string, string]>;
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
  return [...secrets].flatMap((secret) =>
    provability(secret) === "provable" ? needlesOf(secret, "search") : [],
  );
}

/**
 * Finds every place at once, in the order: build arguments, labels, Dockerfile, files.
 *
 * Memory: about 300 KiB, whatever the files' sizes.
 *
 * @throws what `files` or their `open` throw, and the signal's reason
 */
export async function findPlaintext(input: GuardInput): Promise<PlaintextFinding[]> {
  const table = new NeedleTable(input.needles);
  const scan = new FileScan(table);
  try {
    return [
      ...inFlags(scan, "build-arg", input.buildArgs ?? []),
      ...inFlags(scan, "label", input.labels ?? []),
      ...(await inDockerfile(scan, input)),
      ...(await inFiles(scan, input)),
    ];
  } finally {
    scan.wipe();
    table.wipe();
  }
}

function inFlags(
  scan: FileScan,
  where: "build-arg" | "label",
  flags: Iterable<readonly [string, string]>,
): PlaintextFinding[] {
  return [...flags].flatMap(([name, value], index) => {
    const isNameSecret = scan.text(name).length > 0;
    const shown = isNameSecret ? `number ${index + 1}` : escapeControl(name);
    const place = { key: `--${where} ${shown}` };
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
  const shown = scan.text(file.path).length > 0 ? WITHHELD : escapeControl(file.path);
  if (hits.length === 0) return suspicious(file.path, shown, isPrivateKey);
  const lines = await linesAt(
    file.open(),
    hits.map(({ offset }) => offset),
  );
  const places = withoutRepeats(
    hits.map((hit, index) => ({ ...hit, line: lines[index] ?? undefined })),
  );
  return places.map(({ line, ...hit }) =>
    finding(where, hit, { file: shown, ...(line !== undefined && { line }) }),
  );
}

function finding(where: PlaintextPlace, hit: ScanHit, place: Place): PlaintextFinding {
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

/** One for each secret and line; single lines of a value only where it is not there as a whole. */
function withoutRepeats(hits: readonly LinedHit[]): LinedHit[] {
  const whole = new Set(hits.filter((hit) => hit.encoding !== "line").map(({ secret }) => secret));
  const counts = new Map<string | null, number>();
  const seen = new Set<string>();
  return hits
    .toSorted((a, b) => a.offset - b.offset)
    .filter(({ secret, encoding, line }) => {
      const key = JSON.stringify([secret, line]);
      if ((encoding === "line" && whole.has(secret)) || seen.has(key)) return false;
      seen.add(key);
      counts.set(secret, (counts.get(secret) ?? 0) + 1);
      return (counts.get(secret) ?? 0) <= MAX_LINES;
    });
}

/** Names of files that exist to hold secrets; those of samples are no such names. */
const ENV_FILE =
  /^\.env(?:rc|\.(?!(?:.*\.)?(?:example|sample|template|dist|defaults?|schema)$).+)?$/;
const KEY_FILE = /(?:\.(?:key|pem)|^id_[a-z0-9]+)$/;

/** Files that are known to be no place for the public, whatever stands in them. */
function suspicious(path: string, shown: string, isPrivateKey: boolean): PlaintextFinding[] {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const what = ENV_FILE.test(name)
    ? "a file of variables"
    : isPrivateKey && KEY_FILE.test(name)
      ? "a private key"
      : null;
  if (what === null) return [];
  return [{ where: "file", secret: null, what, place: { file: shown }, certain: false }];
}
