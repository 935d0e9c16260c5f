import type { Encoding, Needle } from "../needles/needle.ts";
import { findAll } from "../needles/search.ts";
import type { NeedleTable } from "../needles/table.ts";
import type { Blob } from "./blob.ts";
import type { JsonText } from "./json-walk.ts";
import type { Where } from "./model.ts";
import { isPair, pairsIn } from "./pairs.ts";
import type { UnprovedSecret } from "./pairs.ts";
import type { Role } from "./resolved.ts";

/** A secret in a JSON document of the image. The path is not masked yet. */
export interface MetadataHit {
  readonly secret: string;
  readonly encoding: Encoding;
  readonly where: Where;
  readonly path: string;
  readonly offset: number;
  /** Index in the history, for hits in it. */
  readonly history?: number;
}

/** What a document is searched for. */
export interface MetadataSearch {
  readonly table: NeedleTable;
  readonly unproved: readonly UnprovedSecret[];
}

/**
 * Searches a JSON blob twice: its parsed strings, where no escape can hide a value and the place
 * has a name, and its raw bytes, searched while they came by, for what those are not (numbers,
 * broken documents).
 */
export function* metadataHits(blob: Blob, role: Role, o: MetadataSearch): Generator<MetadataHit> {
  const found = new Set<string>();
  const prefix = role === "build-record" ? `${blob.name}: ` : "";
  // where its bytes hold nothing, only an escape can hide something
  const isAll = blob.log.places.length + o.unproved.length > 0;
  for (const json of blob.jsonDocument?.texts(isAll ? "all" : "escaped") ?? []) {
    for (const one of hitsIn(json, role, o)) {
      found.add(one.secret);
      yield { ...one, path: prefix + one.path };
    }
  }
  for (const { secret, member, encodings } of blob.log.places) {
    if (found.has(secret)) continue;
    for (const [encoding, { offset }] of encodings) {
      yield { secret, encoding, offset, where: fallbackOf(role), path: blob.name + member };
    }
  }
}

function hitsIn(json: JsonText, role: Role, o: MetadataSearch): MetadataHit[] {
  const found = findAll(o.table, json.bytes);
  // a document has thousands of strings, and places are not free
  if (found.length + o.unproved.length === 0) return [];
  const place = placeOf(json, role);
  const hits = found.map(({ needle, offset }) => hit(place, needle, offset));
  for (const unproved of o.unproved) {
    const secret = { secret: unproved.secret.name, encoding: "raw" } as const;
    for (const offset of unprovedOffsets(unproved, json, place.where)) {
      hits.push(hit(place, secret, offset));
    }
  }
  return hits;
}

type Place = Pick<MetadataHit, "where" | "path" | "history">;

function hit(
  place: Place,
  found: Pick<Needle, "secret" | "encoding">,
  offset: number,
): MetadataHit {
  return { ...place, secret: found.secret, encoding: found.encoding, offset };
}

function unprovedOffsets(unproved: UnprovedSecret, json: JsonText, where: Where): number[] {
  if (json.isName) return [];
  if (where === "history") return pairsIn(unproved, json.bytes);
  const place = where === "container" ? partOfContainer(json) : where;
  if (place === "env") {
    const { name, value } = variable(json.text);
    return isPair(unproved, name, value) ? [name.length + 1] : [];
  }
  const isNamed = place === "label" || place === "manifest";
  return isNamed && isPair(unproved, json.path.at(-1) ?? "", json.text) ? [0] : [];
}

/** Where a string of a document stands, in the words of an image. */
function placeOf(json: JsonText, role: Role): Place {
  if (role === "container") return containerPlace(json);
  if (role !== "config" && role !== "other") {
    return { where: role, path: dotted(json.path) };
  }
  const [first = "", second = ""] = json.path;
  if (first === "history") {
    return { where: "history", path: `history[${second}]`, history: Number(second) };
  }
  // the legacy layout repeats the config in a file of each layer, twice
  if (first === "config" || first === "container_config") return configPlace(json);
  if (first === "author") return { where: "config", path: first };
  return { where: fallbackOf(role), path: dotted(json.path) };
}

function configPlace({ path, text }: JsonText): Place {
  const [, second, third = ""] = path;
  if (second === "Env") return { where: "env", path: variable(text).name };
  if (second === "Labels") return { where: "label", path: third };
  return { where: "config", path: dotted(["config", ...path.slice(1)]) };
}

/** What `docker inspect` shows: a variable under its name, as its position says nothing. */
function containerPlace({ path, text }: JsonText): Place {
  const [first, second, third] = path;
  const isVariable = first === "Config" && second === "Env" && third !== undefined;
  const shown = isVariable ? `Config.Env.${variable(text).name}` : dotted(path);
  return { where: "container", path: shown };
}

/** What of an image a container's setting would be, for those that have names. */
function partOfContainer({ path: [first, second] }: JsonText): Where {
  if (first !== "Config") return "container";
  return second === "Env" ? "env" : second === "Labels" ? "label" : "container";
}

function fallbackOf(role: Role): Where {
  return role === "other" ? "other" : role;
}

function variable(text: string): { name: string; value: string } {
  const equals = text.indexOf("=");
  if (equals < 0) return { name: text, value: "" };
  return { name: text.slice(0, equals), value: text.slice(equals + 1) };
}

/** `config.Cmd[2]` */
function dotted(path: readonly string[]): string {
  const joined = path.map((part) => (/^\d+$/u.test(part) ? `[${part}]` : `.${part}`)).join("");
  return joined.replace(/^\./u, "");
}
