/**
 * Reading JSON that others wrote: every access checks what is there, nothing is trusted to have
 * the shape that a specification gives it.
 */
import { jsonTexts } from "./json-walk.ts";
import type { JsonText } from "./json-walk.ts";

/** The object, or an empty one. */
export function fields(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  return value as Readonly<Record<string, unknown>>;
}

/** The field of an object, or undefined; never something inherited. */
export function field(value: unknown, name: string): unknown {
  const object = fields(value);
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** The array, or an empty one. */
export function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** The string, or undefined. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Longest document that is made objects of: registries take no manifest above it either. */
const READ_LIMIT = 4 * 1024 * 1024;

/** A JSON document as it came. Objects, which take many times the memory, are made when it is read. */
export class JsonDocument {
  readonly #bytes: Buffer;

  /** @param bytes - that are JSON: see `isJson` of json-walk.ts */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Its objects, to be kept by nobody for long; undefined for more than 4 MiB: an index has some KB. */
  read(): unknown {
    return this.#bytes.length > READ_LIMIT ? undefined : parsed(this.#bytes);
  }

  /** Strings of it, names included: see {@link jsonTexts}. */
  texts(which: "all" | "escaped"): Generator<JsonText> {
    return jsonTexts(this.#bytes, which);
  }
}

/** The document; undefined when it is none. */
export function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch {
    return undefined;
  }
}
