import type { Blob } from "../blob.ts";
import { HitLog } from "../hit-log.ts";
import { field, parsed } from "../json.ts";
import { PathIndex } from "../path-index.ts";

/** What is the same for every layer without findings, or is kept otherwise. */
const NO_FACTS = ["name", "kind", "log", "paths", "json", "trouble", "cached"] as const;

/** What a report says of a layer beside its findings: plain data, whatever a search counts. */
export type LayerFacts = Omit<Blob, (typeof NO_FACTS)[number]>;

/** What was found out about one layer. */
export interface Verdict {
  readonly facts: LayerFacts;
  /** Secrets of which nothing is in it, by the ids of `secret-forms.ts`. */
  readonly clean: ReadonlySet<string>;
  /** For findings in the layers below: does this one delete them? */
  readonly paths: PathIndex;
}

/** Bytes of an id. */
const ID_BYTES = 16;
/** So many secrets are kept for one layer, the newest first. */
const MAX_CLEAN = 20_000;

/** A line of JSON, then the ids, then the paths. */
export function encodeVerdict({ facts, clean, paths }: Verdict): Buffer {
  const ids = [...clean].slice(0, MAX_CLEAN);
  const head = JSON.stringify({ facts, clean: ids.length });
  return Buffer.concat([
    Buffer.from(`${head}\n`),
    Buffer.from(ids.join(""), "hex"),
    paths.toBytes(),
  ]);
}

/**
 * @param bytes - of {@link encodeVerdict}, of this version: nobody else can have sealed them
 * @returns null when they are something else after all
 */
export function decodeVerdict(bytes: Buffer): Verdict | null {
  const line = bytes.indexOf("\n");
  const head = parsed(bytes.subarray(0, Math.max(0, line)));
  const [facts, count] = [field(head, "facts"), field(head, "clean")];
  if (typeof facts !== "object" || facts === null || typeof count !== "number") return null;
  const ids = bytes.subarray(line + 1, line + 1 + count * ID_BYTES);
  const paths = PathIndex.fromBytes(bytes.subarray(line + 1 + ids.length));
  if (paths === null || ids.length !== count * ID_BYTES) return null;
  const clean = new Set<string>();
  for (let at = 0; at < ids.length; at += ID_BYTES)
    clean.add(ids.toString("hex", at, at + ID_BYTES));
  return { facts: facts as LayerFacts, clean, paths };
}

/** A layer that was not read, as if it had been. */
export function blobOf(name: string, { facts, paths }: Verdict, trouble?: string): Blob {
  const nothing = {
    kind: "tar",
    log: new HitLog(),
    jsonDocument: undefined,
    cached: true,
  } as const;
  return { ...nothing, ...facts, name, paths, trouble };
}

/** The facts of a layer that was read. */
export function factsOf(blob: Blob): LayerFacts {
  const others: readonly string[] = NO_FACTS;
  const facts = Object.entries(blob).filter(([name]) => !others.includes(name));
  return Object.fromEntries(facts) as unknown as LayerFacts;
}
