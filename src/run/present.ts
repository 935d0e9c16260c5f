/** A type whose fields may also be undefined. */
export type Loose<T> = { readonly [K in keyof T]: T[K] | undefined };

/** Leaves out what was not asked for: the engine's own defaults stay in force. */
export function present<T extends object>(fields: Loose<T>): T {
  const kept = Object.entries(fields).filter(([, value]) => value !== undefined && !isEmpty(value));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only optional fields are left out
  return Object.fromEntries(kept) as T;
}

/** Applies a parser to an option that may be absent. */
export function given<T, R>(value: T | undefined, parse: (value: T) => R): R | undefined {
  return value === undefined ? undefined : parse(value);
}

function isEmpty(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.keys(value).length === 0;
}
