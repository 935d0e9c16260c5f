import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import {
  checkManifest,
  checkNames,
  errnoOf,
  findDockerfileLeaks,
  type Manifest,
  ManifestError,
  type ManifestIssue,
  UsageError,
} from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import { openProject, optional } from "./shared.ts";

/** `check`: the whole manifest, or names that must be there. Opens nothing, so it needs no key. */
export const handle: Handler = async (context) => {
  const { operands, values, out } = context;
  const files = values.list("dockerfile");
  if (operands.length > 0 && files.length > 0) {
    throw new UsageError("USAGE_CONFLICT", "names and --dockerfile are two checks", {
      hint: "leave out the names, or call it twice",
    });
  }
  const project = await openProject(context);
  if (operands.length > 0) {
    const environment = optional("environment", values.get("env"));
    return reportNames(context, checkNames(project, { ...environment, names: operands }).missing);
  }
  const issues = checkManifest(project, { strict: values.flag("strict") });
  for (const file of files) {
    issues.push(...(await dockerfileIssues(context, file, project.manifest)));
  }
  const [first, ...rest] = issues;
  if (first !== undefined) throw new ManifestError([first, ...rest]);
  if (out.isJson) out.json({ file: project.manifest.file, issues: [] });
  else for (const file of [project.manifest.file, ...files]) out.note(`${file} is in order`);
  return 0;
};

async function dockerfileIssues(
  { cwd }: Context,
  file: string,
  { environments, buildSecrets }: Manifest,
): Promise<ManifestIssue[]> {
  const text = await readFile(resolve(cwd, file), "utf8").catch((error: unknown) => {
    throw new UsageError("USAGE", `${file} can't be read (${errnoOf(error)})`, {
      hint: "name the Dockerfile, such as --dockerfile Dockerfile",
    });
  });
  const entries = [...environments.values(), buildSecrets].flatMap((scope) => [...scope.values()]);
  const secrets = entries.filter(({ source }) => source.kind !== "plain");
  const leaks = findDockerfileLeaks(
    text,
    secrets.map(({ name }) => name),
  );
  return leaks.map(({ line, message, hint }) => ({
    code: "POLICY",
    message,
    place: { file, line },
    hint,
  }));
}

/** The missing names, and nothing else, on stdout: a script can go through them. */
function reportNames({ out, values }: Context, missing: readonly string[]): number {
  if (out.isJson) out.json({ missing });
  else for (const name of missing) out.data(name);
  if (missing.length === 0) return 0;
  const scope = values.get("env");
  const flag = scope === undefined ? "" : ` --env ${scope}`;
  const issues = missing.map((name): ManifestIssue => ({
    code: "SECRET_MISSING",
    message: `${name} is not set`,
    place: { key: name },
    hint: `sealmount set ${name}${flag}`,
  }));
  throw new ManifestError(issues as [ManifestIssue, ...ManifestIssue[]]);
}
