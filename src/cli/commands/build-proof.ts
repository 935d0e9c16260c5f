import { assertClean, renderReport, reportJson } from "../../index.ts";
import type { BuildStep, Built } from "./build-step.ts";
import { searchImage } from "./verify.ts";

/** `--verify`: the report goes to stderr, as stdout belongs to the image's id. */
export async function prove(
  { context, project, keyring }: BuildStep,
  built: Built,
): Promise<number> {
  const { out } = context;
  const report = await searchImage(context, { project, keyring, image: built.image });
  if (out.isJson) out.json({ ...built, verify: reportJson(report) });
  else for (const line of renderReport(report)) out.note(line);
  assertClean(report);
  return 0;
}
