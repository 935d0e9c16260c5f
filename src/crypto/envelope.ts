import { isUtf8 } from "node:buffer";
import { UnsealError } from "../errors.ts";
import type { Secret } from "../secret/secret.ts";
import { decodeBase64, encodeBase64, encodedLength } from "./base64.ts";
import { escapeString, escapedLength, readObject, unescapeString, type Member } from "./json.ts";

/** The place a value is sealed for; written inside the box and compared when it is opened. */
export interface Binding {
  readonly app: string;
  /** `common`, the name of an environment, or `build`. */
  readonly scope: string;
  readonly name: string;
}

/** What an envelope holds. */
export interface Envelope {
  readonly binding: Binding;
  /** The plaintext, perhaps a view of the envelope's bytes; the caller wipes both. */
  readonly value: Buffer;
}

const VERSION = "1";
const COMMON_SCOPE = "common";
/** Envelopes are padded to a multiple of this many bytes, so that lengths of values don't show. */
export const PADDING = 64;
const SPACE = 0x20;
const BACKSLASH = 0x5c;

/**
 * Writes the plaintext of a bound box: the JSON of design.md, padded with trailing spaces. It is
 * built on bytes, since a JavaScript string can't be wiped.
 *
 * @param value - stays owned by the caller
 * @returns a buffer of its own, which the caller wipes
 */
export function encodeEnvelope(binding: Binding, value: Secret): Buffer {
  return value.use((bytes) => {
    const text = isUtf8(bytes);
    const head = Buffer.from(headOf(binding, text ? "value" : "value_base64"));
    const length = text ? escapedLength(bytes) : encodedLength(bytes.length, "standard");
    const total = head.length + length + 2;
    const envelope = Buffer.alloc(Math.ceil(total / PADDING) * PADDING, SPACE);
    envelope.set(head);
    if (text) escapeString(bytes, envelope, head.length);
    else writeBase64(bytes, envelope, head.length);
    envelope.write('"}', head.length + length, "latin1");
    return envelope;
  });
}

/**
 * Reads the plaintext of a box, as any JSON writer may have written it.
 *
 * An object with the keys `v`, `app` and `name` is an envelope; anything else is a plain value.
 *
 * @param bytes - stays owned by the caller, not wiped here
 * @returns null when it is no envelope: the box is not bound to a place
 * @throws {@link UnsealError} UNSEAL_VERSION for an envelope of another version, UNSEAL_DAMAGED for
 * one that is not well formed; both without a place
 */
export function decodeEnvelope(bytes: Buffer): Envelope | null {
  const members = isUtf8(bytes) ? readObject(bytes) : null;
  const fields = members && sortFields(bytes, members);
  if (!fields?.v || !fields.app || !fields.name) return null;
  if (fields.v.kind === "string" || !isText(bytes, fields.v, VERSION)) {
    const hint = "a newer sealmount may read it; or seal the value again with this one";
    throw new UnsealError("UNSEAL_VERSION", "holds an envelope of an unknown version", { hint });
  }
  const envelope = readFields(bytes, fields);
  if (envelope !== null) return envelope;
  throw new UnsealError("UNSEAL_DAMAGED", "holds an envelope that is not well formed", {
    hint: "seal the value again",
  });
}

function headOf(binding: Binding, valueKey: string): string {
  const env = binding.scope === COMMON_SCOPE ? {} : { env: binding.scope };
  const head = { v: Number(VERSION), app: binding.app, ...env, name: binding.name };
  return `${JSON.stringify(head).slice(0, -1)},"${valueKey}":"`;
}

function writeBase64(bytes: Buffer, target: Buffer, at: number): void {
  const text = encodeBase64(bytes, "standard");
  target.set(text, at);
  text.fill(0);
}

const KEYS = ["v", "app", "env", "name", "value", "value_base64"] as const;

/** The members of an object that an envelope has; of one that comes twice, the last. */
type Fields = { [Key in (typeof KEYS)[number]]?: Member } & {
  /** No other member, and none twice. */
  isStrict: boolean;
};

function sortFields(bytes: Buffer, members: readonly Member[]): Fields {
  const fields: Fields = { isStrict: true };
  for (const member of members) {
    const { keyStart: start, keyEnd: end } = member;
    const key = KEYS.find((candidate) => isText(bytes, { start, end }, candidate));
    if (key === undefined || fields[key] !== undefined) fields.isStrict = false;
    if (key !== undefined) fields[key] = member;
  }
  return fields;
}

/** Compares on bytes, escapes undone: in a plain value, which may be JSON too, keys are secret. */
function isText(bytes: Buffer, at: Pick<Member, "start" | "end">, text: string): boolean {
  const { start, end } = at;
  // an escape is longer than what it stands for
  if (end - start > text.length) return isEscapedText(bytes.subarray(start, end), text);
  if (end - start < text.length) return false;
  for (let i = 0; i < text.length; i++) {
    if (bytes[start + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

function isEscapedText(bytes: Buffer, text: string): boolean {
  if (!bytes.includes(BACKSLASH)) return false;
  const unescaped = unescapeString(bytes);
  const isSame = unescaped?.equals(Buffer.from(text)) === true;
  unescaped?.fill(0);
  return isSame;
}

function readFields(bytes: Buffer, fields: Fields): Envelope | null {
  if (!fields.isStrict) return null;
  const app = readText(bytes, fields.app);
  const name = readText(bytes, fields.name);
  const scope = fields.env === undefined ? COMMON_SCOPE : readText(bytes, fields.env);
  if (app === null || name === null || scope === null) return null;
  if ((fields.value === undefined) === (fields.value_base64 === undefined)) return null;
  const value = readBytes(bytes, fields.value) ?? readBase64(bytes, fields.value_base64);
  return value && { binding: { app, scope, name }, value };
}

/** A string that is not secret. */
function readText(bytes: Buffer, member: Member | undefined): string | null {
  return readBytes(bytes, member)?.toString() ?? null;
}

/** A string as bytes, which the caller wipes. */
function readBytes(bytes: Buffer, member: Member | undefined): Buffer | null {
  if (member?.kind !== "string") return null;
  return unescapeString(bytes.subarray(member.start, member.end));
}

function readBase64(bytes: Buffer, member: Member | undefined): Buffer | null {
  const text = readBytes(bytes, member);
  const decoded = text && decodeBase64(text);
  text?.fill(0);
  return decoded;
}
