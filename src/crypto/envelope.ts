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
  /** The plaintext; the caller wipes it. */
  readonly value: Buffer;
}

const VERSION = 1;
const COMMON_SCOPE = "common";
/** Envelopes are padded to a multiple of this many bytes, so that lengths of values don't show. */
export const PADDING = 64;
const SPACE = 0x20;

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
  if (!isUtf8(bytes)) return null;
  const members = readObject(bytes);
  if (members === null) return null;
  const fields = new Fields(bytes, members);
  if (!fields.has("v") || !fields.has("app") || !fields.has("name")) return null;
  if (!fields.isNumber("v", VERSION)) {
    const hint = "a newer sealmount may read it; or seal the value again with this one";
    throw new UnsealError("UNSEAL_VERSION", "holds an envelope of an unknown version", { hint });
  }
  return readFields(fields) ?? malformed();
}

function headOf(binding: Binding, valueKey: string): string {
  const env = binding.scope === COMMON_SCOPE ? {} : { env: binding.scope };
  const head = { v: VERSION, app: binding.app, ...env, name: binding.name };
  return `${JSON.stringify(head).slice(0, -1)},"${valueKey}":"`;
}

function writeBase64(bytes: Buffer, target: Buffer, at: number): void {
  const text = encodeBase64(bytes, "standard");
  target.set(text, at);
  text.fill(0);
}

function readFields(fields: Fields): Envelope | null {
  if (!fields.onlyOnce("v", "app", "env", "name", "value", "value_base64")) return null;
  const app = fields.text("app");
  const name = fields.text("name");
  const scope = fields.has("env") ? fields.text("env") : COMMON_SCOPE;
  if (app === null || name === null || scope === null) return null;
  if (fields.has("value") === fields.has("value_base64")) return null;
  const value = fields.has("value") ? fields.bytes("value") : fields.base64("value_base64");
  return value && { binding: { app, scope, name }, value };
}

function malformed(): never {
  throw new UnsealError("UNSEAL_DAMAGED", "holds an envelope that is not well formed", {
    hint: "seal the value again",
  });
}

/** The members of an object, by name. Names are compared as bytes: they may belong to a secret. */
class Fields {
  readonly #bytes: Buffer;
  readonly #members: readonly Member[];

  constructor(bytes: Buffer, members: readonly Member[]) {
    this.#bytes = bytes;
    this.#members = members;
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** True when each member has one of these names, and none comes twice. */
  onlyOnce(...names: string[]): boolean {
    const counts = names.map((name) => this.#members.filter((m) => this.#isNamed(m, name)).length);
    const known = counts.reduce((sum, count) => sum + count, 0);
    return counts.every((count) => count <= 1) && known === this.#members.length;
  }

  isNumber(name: string, value: number): boolean {
    const member = this.#find(name);
    if (member?.kind !== "other") return false;
    return this.#bytes.toString("latin1", member.start, member.end) === String(value);
  }

  /** A string that is not secret. */
  text(name: string): string | null {
    return this.bytes(name)?.toString() ?? null;
  }

  /** A string as bytes; the caller wipes them. */
  bytes(name: string): Buffer | null {
    const member = this.#find(name);
    if (member?.kind !== "string") return null;
    return unescapeString(this.#bytes.subarray(member.start, member.end));
  }

  base64(name: string): Buffer | null {
    const text = this.bytes(name);
    const bytes = text && decodeBase64(text);
    text?.fill(0);
    return bytes;
  }

  #find(name: string): Member | undefined {
    return this.#members.find((member) => this.#isNamed(member, name));
  }

  #isNamed(member: Member, name: string): boolean {
    const key = this.#bytes.subarray(member.keyStart, member.keyEnd);
    return key.length === name.length && key.equals(Buffer.from(name));
  }
}
