import { findProject, ManifestError } from "../../index.ts";
import type { Context } from "../spec.ts";

/**
 * The app whose key is meant: `--app`, else the one of the manifest.
 *
 * @throws ManifestError MANIFEST_NOT_FOUND with `--app` in its hint
 */
export async function appOf(context: Context): Promise<string> {
  const named = context.values.get("app");
  if (named !== undefined) return named;
  const { values, cwd } = context;
  try {
    const project = await findProject({
      cwd,
      file: values.get("manifest"),
      appling: values.get("appling"),
    });
    return project.manifest.seal.app;
  } catch (error) {
    if (!(error instanceof ManifestError) || error.code !== "MANIFEST_NOT_FOUND") throw error;
    const [issue] = error.issues;
    if (issue === undefined) throw error;
    throw new ManifestError([{ ...issue, hint: "name the app with --app, or run sealmount init" }]);
  }
}
