import { assertClean, engineImage, renderReport, reportJson, verify } from "../../index.ts";
import type { BuildStep, Built } from "./build-step.ts";
import { connect } from "./engine.ts";
import { secretsOfProof } from "./verify.ts";

/** `--verify`: the report goes to stderr, as stdout belongs to the image's id. */
export async function prove(
  { context, project, keyring }: BuildStep,
  built: Built,
): Promise<number> {
  const { host, out } = context;
  using secrets = await secretsOfProof(context, project, keyring);
  const source = engineImage(await connect(context), built.image);
  const report = await verify(source, secrets, { signal: host.signal }).report();
  if (out.isJson) out.json({ ...built, verify: reportJson(report) });
  else for (const line of renderReport(report, { color: out.hasColor })) out.note(line);
  assertClean(report);
  return 0;
}
