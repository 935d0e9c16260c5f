import {
  BUILD,
  chooseEnvironment,
  COMMON,
  findProject,
  UsageError,
  type ManifestIssue,
  type Project,
  type Scope,
  type Selection,
} from "../../index.ts";
import type { Context } from "../spec.ts";

/** What several handlers do first: find the manifest, the scope, the environment. */

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
