import { checkManifest, checkNames, ManifestError, type ManifestIssue } from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import { openProject, optional } from "./shared.ts";

/** `check`: the whole manifest, or names that must be there. Opens nothing, so it needs no key. */
export const handle: Handler = async (context) => {
  const { operands, values, out } = context;
  const project = await openProject(context);
  if (operands.length > 0) {
    const environment = optional("environment", values.get("env"));
    return reportNames(context, checkNames(project, { ...environment, names: operands }).missing);
  }
  const issues = checkManifest(project, { strict: values.flag("strict") });
  const [first, ...rest] = issues;
  if (first !== undefined) throw new ManifestError([first, ...rest]);
  if (out.isJson) out.json({ file: project.manifest.file, issues: [] });
  else out.note(`${project.manifest.file} is in order`);
  return 0;
};

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
