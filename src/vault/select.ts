import { SealmountError, UsageError } from "../errors.ts";
import { COMMON, type Entry } from "../manifest/model.ts";
import { nearMiss } from "../manifest/near-miss.ts";

/** Which values of an environment are delivered. Default: all. */
export interface Selection {
  /** Names, or globs with `*` and `?`: nothing but these. */
  readonly only?: readonly string[] | undefined;
  /** Names or globs: all but these. */
  readonly except?: readonly string[] | undefined;
  /** Nothing that stands in `[env.common]`. */
  readonly noCommon?: boolean | undefined;
}

/** Something that a selection picks by name. */
type Selectable = Pick<Entry, "name" | "scope">;

/**
 * Picks entries, in their order.
 *
 * @param environment - name of the environment, for errors
 * @throws {@link SealmountError} SECRET_MISSING for a name or glob of `only` that fits nothing, with
 * the command that sets it; {@link UsageError} USAGE_UNKNOWN for one of `except`, since a mistyped
 * exception would deliver what it should hold back
 */
export function select<T extends Selectable>(
  entries: readonly T[],
  selection: Selection,
  environment: string,
): T[] {
  const { only, except = [], noCommon = false } = selection;
  const candidates = entries.filter(({ scope }) => !noCommon || scope !== COMMON);
  for (const pattern of only ?? []) {
    if (!candidates.some(({ name }) => fits(name, pattern))) {
      throw notThere(pattern, { entries, candidates, environment });
    }
  }
  for (const pattern of except) {
    if (!entries.some(({ name }) => fits(name, pattern))) {
      const hint = `see sealmount ls --env ${environment}`;
      const message = `--except ${pattern} fits nothing in environment ${environment}`;
      throw new UsageError("USAGE_UNKNOWN", message, { hint });
    }
  }
  return candidates.filter(({ name }) => {
    const chosen = only === undefined || only.some((pattern) => fits(name, pattern));
    return chosen && !except.some((pattern) => fits(name, pattern));
  });
}

/** The command that sets a value, as errors tell it. */
export function setCommand(name: string, scope: string): string {
  if (scope === "build") return `sealmount set ${name} --build`;
  return scope === COMMON ? `sealmount set ${name}` : `sealmount set ${name} --env ${scope}`;
}

function notThere(
  pattern: string,
  from: {
    readonly entries: readonly Selectable[];
    readonly candidates: readonly Selectable[];
    readonly environment: string;
  },
): SealmountError {
  const { entries, candidates, environment } = from;
  if (entries.some(({ name }) => fits(name, pattern))) {
    const message = `${pattern} stands in [env.common] only, which --no-common leaves out`;
    return new SealmountError("SECRET_MISSING", message, {
      hint: setCommand(pattern, environment),
    });
  }
  if (/[*?]/.test(pattern)) {
    const message = `--only ${pattern} fits nothing in environment ${environment}`;
    return new SealmountError("SECRET_MISSING", message, {
      hint: `see sealmount ls --env ${environment}`,
    });
  }
  const names = candidates.map(({ name }) => name);
  const near = nearMiss(pattern, names);
  const meant = near === undefined ? "" : `; did you mean ${near}?`;
  const message = `${pattern} is not set in environment ${environment}${meant}`;
  return new SealmountError("SECRET_MISSING", message, { hint: setCommand(pattern, environment) });
}

function fits(name: string, pattern: string): boolean {
  const literal = pattern.replaceAll(/[\\^$.|+()[\]{}]/gu, String.raw`\$&`);
  const expression = literal.replaceAll("*", ".*").replaceAll("?", ".");
  return new RegExp(`^${expression}$`, "su").test(name);
}
