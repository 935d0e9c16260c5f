import type { Secret } from "../secret/secret.ts";
import { Collector, type Purpose } from "./collector.ts";
import { copyOf } from "./encode.ts";
import { addBasic, addForms, addLinesOf, LONGEST_ESCAPED } from "./forms.ts";
import { jwtParts } from "./jwt.ts";
import { secretLines, trimmed, withLineEndings } from "./lines.ts";
import type { Needle } from "./needle.ts";
import { pemBodies } from "./pem.ts";
import { isCommon, isProvable } from "./provability.ts";
import type { Traces } from "./traces.ts";

export type { Purpose } from "./collector.ts";

/**
 * Every byte form of a secret that is looked for: docs/verify.md has the list, each with an
 * example.
 *
 * All forms are made from the value without white space at its ends. That loses nothing: the same
 * encoding of the whole value (with its final newline, say) contains that form, base64 by the
 * three alignments.
 *
 * @param purpose - `search` gives no needles for what occurs by accident, so none at all for most
 *   values that are not provable; `mask` none for common words (`true`, `password`): masking them
 *   would hide ordinary output and protect nothing
 * @param traces - of the texts to look in: without them, every form. With them, forms are left out that
 *   no such text can hold
 * @returns without duplicates; the caller wipes them with `wipeNeedles`
 */
export function needlesOf(secret: Secret, purpose: Purpose = "search", traces?: Traces): Needle[] {
  const collector = new Collector(secret.name, purpose, traces);
  addSecret(collector, secret);
  return collector.needles;
}

function addSecret(collector: Collector, secret: Secret): void {
  secret.use((bytes) => {
    const value = trimmed(bytes);
    if (isWanted(collector.purpose, value)) addValue(collector, value);
    if (secret.username !== undefined) addLogin(collector, secret.username, value);
  });
  for (const part of secret.parts) addSecret(collector, part);
}

function isWanted(purpose: Purpose, value: Buffer): boolean {
  return purpose === "search" ? isProvable(value) : !isCommon(value);
}

function addValue(collector: Collector, value: Buffer): void {
  addForms(collector, value);
  for (const part of jwtParts(value)) collector.add("jwt", copyOf(part));
  for (const body of pemBodies(value)) {
    // the lines of a key in a string of JSON stand nowhere in the value
    if (collector.purpose === "mask") addLinesOf(collector, "pem", body);
    collector.add("pem", body);
  }
  if (!value.includes(0x0a)) return;
  addLineEndings(collector, value);
  for (const line of secretLines(value, collector.purpose === "search")) {
    if (!isCommon(line)) collector.add("line", copyOf(line));
  }
}

function addLineEndings(collector: Collector, value: Buffer): void {
  for (const ending of ["\n", "\r\n"] as const) {
    const text = withLineEndings(value, ending);
    if (value.length > LONGEST_ESCAPED) collector.add("raw", copyOf(text));
    else if (!text.equals(value)) addForms(collector, text);
    text.fill(0);
  }
}

/** A password too short to prove may make a provable pair. */
function addLogin(collector: Collector, username: string, password: Buffer): void {
  const name = Buffer.from(`${username}:`);
  const pair = Buffer.alloc(name.length + password.length);
  name.copy(pair);
  password.copy(pair, name.length);
  if (username !== "" && password.length > 0 && isWanted(collector.purpose, pair)) {
    collector.add("login", copyOf(pair));
    addBasic(collector, pair);
  }
  pair.fill(0);
}
