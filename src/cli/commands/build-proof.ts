import {
  archiveStream,
  assertClean,
  type Engine,
  engineImage,
  type ImageSource,
  layoutFolder,
  type Made,
  mergedFolder,
  mergedTar,
  renderReport,
  reportJson,
  verify,
  type VerifyReport,
} from "../../index.ts";
import type { BuildStep, Built } from "./build-step.ts";
import { connect } from "./engine.ts";
import { secretsOfProof } from "./verify.ts";

type Prove = (made: readonly Made[]) => Promise<void>;

/**
 * `--verify`: looks for every secret that opens in everything that a build is about to give a name.
 * What it found is told when the build has ended, on stderr, as stdout belongs to the image's id.
 */
export async function proved(
  step: BuildStep,
  build: (prove: Prove) => Promise<Built>,
): Promise<Built> {
  const { out } = step.context;
  const reports: VerifyReport[] = [];
  const textOf = (report: VerifyReport): string[] => renderReport(report, { color: out.hasColor });
  const lines = (): string[] => (out.isJson ? [] : reports.flatMap(textOf));
  try {
    const built = await build(async (made) => prove(step, made, reports));
    for (const line of lines()) out.note(line);
    return { ...built, ...jsonOf(reports) };
  } catch (error) {
    for (const line of lines()) out.note(line);
    if (out.isJson && reports.length > 0) out.json(jsonOf(reports));
    throw error;
  }
}

/** @throws {@link SealmountError} when something is not clean; only then, all of it was looked at */
async function prove(
  { context, project, keyring }: BuildStep,
  made: readonly Made[],
  reports: VerifyReport[],
): Promise<void> {
  const { env, host } = context;
  const engine = await connect(context);
  using secrets = await secretsOfProof(context, project, keyring);
  for (const one of made) {
    const source = await sourceOf(engine, one);
    reports.push(await verify(source, secrets, { signal: host.signal, env }).report());
  }
  for (const report of reports) assertClean(report);
}

/** One report, or several where a build has several outputs. */
function jsonOf(reports: readonly VerifyReport[]): Pick<Built, "verify"> {
  const [first, ...others] = reports.map(reportJson);
  if (first === undefined) return {};
  return { verify: others.length === 0 ? first : [first, ...others] };
}

async function sourceOf(engine: Engine, made: Made): Promise<ImageSource> {
  switch (made.kind) {
    case "image":
      return { ...engineImage(engine, made.id), name: made.name };
    case "folder":
      return mergedFolder(made.path, made.name);
    case "tar":
      return mergedTar(made.path, made.name);
    case "layout":
      return { ...layoutFolder(made.path), name: made.name };
    case "archive": {
      const { createReadStream } = await import("node:fs");
      return archiveStream(createReadStream(made.path), made.name);
    }
  }
}
