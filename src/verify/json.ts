/**
 * Reading JSON that others wrote: every access checks what is there, nothing is trusted to have
 * the shape that a specification gives it.
 */

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

/** A string of a JSON document: a value, or the name of a field. */
export interface JsonText {
  /** Where it stands; for a name, the path of its field. */
  readonly path: readonly string[];
  readonly text: string;
  readonly isName: boolean;
}

/** Names of a path that are kept: to copy a path at each level of a million would never end. */
const LONGEST_PATH = 64;

/** Every string of a document, names included. Iterative: depth is bounded by memory alone. */
export function* jsonTexts(document: unknown): Generator<JsonText> {
  const stack: { path: readonly string[]; value: unknown }[] = [{ path: [], value: document }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { path, value } = next;
    if (typeof value === "string") yield { path, text: value, isName: false };
    if (typeof value !== "object" || value === null) continue;
    for (const [name, child] of Object.entries(value).toReversed()) {
      const childPath = path.length < LONGEST_PATH ? [...path, name] : path;
      if (!Array.isArray(value)) yield { path: childPath, text: name, isName: true };
      stack.push({ path: childPath, value: child });
    }
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
