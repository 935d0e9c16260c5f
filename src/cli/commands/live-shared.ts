import {
  type Engine,
  findContainer,
  isKnown,
  type KnownContainer,
  listContainers,
  openEnvironment,
  type OpenedEnvironment,
  planEntries,
  type Project,
  SealmountError,
  UsageError,
} from "../../index.ts";
import type { Context } from "../spec.ts";
import type { KeySearch } from "./keyring.ts";
import { openProject, optional } from "./shared.ts";

/** What the commands for running containers share. */

/** The app whose containers are meant; undefined for every app. */
export async function appOf(context: Context): Promise<string | undefined> {
  const { values } = context;
  if (values.flag("any-app")) return undefined;
  return values.get("app") ?? (await openProject(context)).manifest.seal.app;
}

/**
 * The containers of one call, by name or all of the app.
 *
 * @throws UsageError USAGE for neither, USAGE_CONFLICT for both
 */
export async function containersOf(
  { values }: Context,
  engine: Engine,
  o: {
    readonly names: readonly string[];
    readonly app: string | undefined;
    /** With `--all`, stopped ones too. */
    readonly stopped: boolean;
  },
): Promise<KnownContainer[]> {
  checkNames(o.names, values.flag("all"));
  if (values.typed("env") && !values.flag("all")) {
    throw new UsageError("USAGE", "--env goes with --all", {
      hint: "name a container, or add --all",
    });
  }
  if (!values.flag("all")) {
    const found: KnownContainer[] = [];
    for (const name of o.names) found.push(await findContainer(engine, name, o.app));
    return found;
  }
  const filter = { app: o.app, environment: values.get("env"), all: o.stopped };
  return (await listContainers(engine, filter)).filter(isKnown);
}

function checkNames(names: readonly string[], all: boolean): void {
  const option = names.find((name) => name.startsWith("-"));
  if (option !== undefined) {
    throw new UsageError("USAGE", "options go before the containers", {
      hint: "sealmount refresh --signal HUP web",
    });
  }
  if (all && names.length > 0) {
    throw new UsageError("USAGE_CONFLICT", "--all and a container exclude each other", {
      hint: "give one of them",
    });
  }
  if (!all && names.length === 0) {
    throw new UsageError("USAGE", "no container is named", { hint: "name one, or add --all" });
  }
}

/**
 * Does something to each, also when one of several fails.
 *
 * @returns the results, and the exit code of the first failure
 * @throws what the only one has thrown
 */
export async function forEach<T>(
  { out }: Context,
  containers: readonly KnownContainer[],
  work: (container: KnownContainer) => Promise<T>,
): Promise<{ readonly results: readonly T[]; readonly code: number }> {
  const results: T[] = [];
  let code = 0;
  for (const container of containers) {
    try {
      results.push(await work(container));
    } catch (error) {
      const isLast = containers.length === 1 || !(error instanceof SealmountError);
      if (isLast || error.code === "INTERRUPTED") throw error;
      out.warn(`${container.name}: ${error.message} [${error.code}]`, error.hint);
      code ||= error.exitCode;
    }
  }
  return { results, code };
}

/** Opens those of the names that are still set; whoever needs them all notices that one is missing. */
export async function openNames(
  context: Context,
  project: Project,
  o: {
    readonly environment: string;
    readonly names: readonly string[];
    /** Names that no variable has to hold. */
    readonly files: readonly string[];
    readonly keyring: KeySearch;
  },
): Promise<OpenedEnvironment> {
  const { environment, names } = o;
  const set = new Set(planEntries(project, { environment }).map(({ name }) => name));
  const folders = new Set(
    project.manifest.secretFiles.flatMap(({ source }) =>
      source.kind === "secret" ? [source.secret] : [],
    ),
  );
  // a file of a whole Kubernetes secret is SECRET/KEY, and picked by SECRET
  const only = names.flatMap((name) => {
    const [secret = ""] = name.split("/");
    return [...(set.has(name) ? [name] : []), ...(folders.has(secret) ? [secret] : [])];
  });
  return openEnvironment(project, {
    environment,
    selection: { only: [...new Set(only)] },
    env: context.env,
    keyring: o.keyring.find,
    ...optional("asFiles", o.files),
  });
}
