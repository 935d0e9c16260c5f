/** The manifest: does it parse, and what in it asks for attention. */
import { ManifestError } from "../errors.ts";
import { checkManifest } from "../project/check.ts";
import { findProject } from "../project/project.ts";
import type { Project } from "../project/project.ts";
import { issueLine, okLine, warnLine } from "./model.ts";
import type { DoctorLine } from "./model.ts";

/** Where the manifest is looked for. */
export interface ManifestChoice {
  readonly cwd: string;
  readonly file?: string | undefined;
  readonly appling?: string | undefined;
}

/** The project, when there is one, and its lines. */
export async function manifestLines(
  choice: ManifestChoice,
): Promise<{ readonly project: Project | null; readonly lines: DoctorLine[] }> {
  try {
    const project = await findProject(choice);
    return { project, lines: linesOf(project) };
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    // outside of any app there is still an engine to look at
    if (error.code === "MANIFEST_NOT_FOUND" && choice.file === undefined) {
      return { project: null, lines: [warnLine("manifest", error.message, error.hint)] };
    }
    return {
      project: null,
      lines: error.issues.map((issue) => issueLine("manifest", "fail", issue)),
    };
  }
}

function linesOf(project: Project): DoctorLine[] {
  const { manifest } = project;
  const names = [...manifest.environments.keys()].join(", ");
  const issues = [...manifest.warnings, ...checkManifest(project)];
  return [
    okLine(
      "manifest",
      `${manifest.file}: app ${manifest.seal.app}, environments: ${names || "none"}`,
    ),
    ...issues.map((issue) => issueLine("manifest", "warn", issue)),
  ];
}
