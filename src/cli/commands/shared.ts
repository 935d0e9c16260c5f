import {
  BUILD,
  chooseEnvironment,
  COMMON,
  Engine,
  findKeys,
  findProject,
  Mask,
  resolveEndpoint,
  UsageError,
  type Keyring,
  type ManifestIssue,
  type Project,
  type Scope,
  type Secret,
  type Selection,
} from "../../index.ts";
import type { Context } from "../spec.ts";

/** What several handlers do first: find the manifest, the keys, the engine, the scope. */

/** Finds the manifest by `--manifest`, `--appling` or the working directory, and warns once. */
export async function openProject(context: Context): Promise<Project> {
  const { values, cwd } = context;
  const project = await findProject({
    cwd,
    file: values.get("manifest"),
    appling: values.get("appling"),
  });
  warnAll(context, project.manifest.warnings);
  return project;
}

/** The private keys of one command: looked for when the first value has to be opened. */
export interface KeySearch extends Disposable {
  /** @param wanted - public keys of what is to be opened; the vault passes them */
  find(this: void, wanted?: readonly string[]): Promise<Keyring>;
}

/** Makes the search; disposing it wipes every key that it found. */
export function keyringOf(context: Context, project: Project): KeySearch {
  const { values, env, host } = context;
  const found: Keyring[] = [];
  return {
    async find(wanted) {
      const keyring = await findKeys({
        app: project.manifest.seal.app,
        env,
        home: host.home,
        keyFile: values.get("key-file"),
        wanted,
      });
      found.push(keyring);
      return keyring;
    },
    [Symbol.dispose]() {
      for (const keyring of found) keyring.wipe();
    },
  };
}

/** Connects to the engine that `--host`, `--context` or the environment names. */
export async function connect(context: Context): Promise<Engine> {
  const { values, env, host } = context;
  const endpoint = await resolveEndpoint({
    host: values.get("host"),
    context: values.get("context"),
    env,
    home: host.home,
  });
  return Engine.connect(endpoint, { signal: host.signal });
}

/**
 * The one scope that `--env`, `--common` or `--build` names; undefined when none does.
 *
 * @throws UsageError USAGE_CONFLICT for two of them; USAGE for `--env build`
 */
export function typedScope({ values }: Context): Scope | undefined {
  const environment = values.get("env");
  if (environment === BUILD)
    throw new UsageError("USAGE", "build is no environment", { hint: "use --build" });
  const named = [
    ...(environment === undefined ? [] : [environment]),
    ...(values.flag("common") ? [COMMON] : []),
    ...(values.flag("build") ? [BUILD] : []),
  ];
  if (named.length <= 1) return named[0];
  throw new UsageError("USAGE_CONFLICT", "--env, --common and --build exclude each other", {
    hint: "give one of them",
  });
}

/** The environment of `--env`, its variable, or the manifest. */
export function environmentOf({ values, env }: Context, project: Project): string {
  return chooseEnvironment({
    ...optional("flag", values.typed("env") ? values.get("env") : undefined),
    ...optional("variable", env["SEALMOUNT_ENV"]),
    manifest: project.manifest,
  });
}

/** `--only`, `--except`, `--no-common`. */
export function selectionOf({ values }: Context): Selection {
  return {
    ...(values.typed("only") ? { only: values.list("only") } : {}),
    except: values.list("except"),
    noCommon: values.flag("no-common"),
  };
}

/** Puts a mask of the secrets among some values over everything that is still written. */
export function protect(
  { out }: Context,
  values: readonly { readonly value: Secret; readonly sensitive?: boolean }[],
): Mask {
  const mask = new Mask(
    values.filter(({ sensitive }) => sensitive !== false).map(({ value }) => value),
  );
  out.protect(mask);
  return mask;
}

/** Warnings of the manifest and the vault, with their places. */
export function warnAll({ out }: Context, issues: readonly ManifestIssue[]): void {
  for (const { message, place, hint } of issues) {
    const position = [place.file, place.line, place.column].filter((part) => part !== undefined);
    out.warn(position.length === 0 ? message : `${position.join(":")}: ${message}`, hint);
  }
}

/** An option for an object whose properties may be absent but not undefined. */
export function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}
