/** Proves what a build has made, and only then lets it be seen. */
import type { Engine } from "../docker/engine.ts";
import { parseReference, repositoryOf } from "../docker/reference.ts";
import { UsageError } from "../errors.ts";
import type { SolveRoad } from "./solve-build.ts";
import { solveBuild } from "./solve-build.ts";
import { bringOut } from "./bring-out.ts";
import { madeOf, namesOf, type HeldBack } from "./held-back.ts";
import type { Report, RunningJob } from "./job.ts";
import { CONFIG_DIGEST, pushImages } from "./push.ts";

/** By which exporters tell the names that an image got. */
const IMAGE_NAMES = "image.name";

/** A build whose results are held back. */
export interface HeldBuild {
  readonly held: HeldBack;
  readonly report: Report;
  readonly signal: AbortSignal;
  /** Empty when there is no image. */
  readonly imageId: string;
  /** Of the exporters. */
  readonly answer: ReadonlyMap<string, string>;
  /** True for an engine with containerd's store: the image has one digest, here and in a registry. */
  readonly hasContainerd: boolean;
}

/**
 * Has everything proved, then gives it its names and places, then pushes it. What is not proved gets
 * neither; an image without another name is removed.
 *
 * @returns what the exporters of an ordinary build would have answered
 * @throws whatever `prove` throws, and the errors of {@link build}
 */
export async function proveAndRelease(build: HeldBuild): Promise<ReadonlyMap<string, string>> {
  const { held, report, imageId, answer } = build;
  const { engine, prove } = held.asked;
  const made = madeOf(held, imageId);
  if (imageId !== "") await held.note.addImage(engine, imageId);
  try {
    await shown(report, "proving that no secret is in it", async () => prove?.(made));
    for (const one of held.outputs) await bringOut(one, held.asked, answer);
  } catch (error) {
    if (imageId !== "") await dropUnnamed(engine, imageId);
    throw error;
  }
  const named = await giveNames(build);
  return held.outputs.some(({ output }) => output.push) ? push(build, named) : named;
}

async function giveNames(build: HeldBuild): Promise<ReadonlyMap<string, string>> {
  const { held, report, imageId, answer, hasContainerd } = build;
  const names = namesOf(held.outputs);
  for (const name of names) {
    const step = `naming to ${fullNameOf(name, true)}`;
    await shown(report, step, async () => nameImage(held.asked.engine, imageId, name));
  }
  // engines that tell no more than the image's id, such as 20.10, tell no names either
  if (names.length === 0 || !answer.has(CONFIG_DIGEST)) return answer;
  const full = names.map((name) => fullNameOf(name, hasContainerd));
  return new Map([...answer, [IMAGE_NAMES, full.join(",")]]);
}

async function push(
  { held, report, signal, hasContainerd }: HeldBuild,
  named: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, string>> {
  const pushed = await shown(report, "pushing", async () => pushImages(held.asked, named, signal));
  // with containerd's store the registry has the very digests of the store
  return hasContainerd ? named : pushed;
}

/** Caches are exported by a second build, whose steps are all cached. */
export async function exportCaches(
  job: RunningJob,
  road: SolveRoad,
): Promise<ReadonlyMap<string, string>> {
  const options = {
    ...job.options,
    outputs: ["type=cacheonly"],
    noCache: false,
    noCacheFilter: [],
  };
  return solveBuild({ ...job, options }, road);
}

/** Gives an image a name. @throws {@link UsageError} USAGE for what is none */
export async function nameImage(engine: Engine, id: string, name: string): Promise<void> {
  const reference = parseReference(name);
  if (reference?.tag === undefined)
    throw new UsageError("USAGE", "an image can't have that name", { hint: "write -t NAME[:TAG]" });
  await engine.tagImage(id, repositoryOf(reference), reference.tag);
}

/** Removes an image that has no name, such as an earlier build may have given it. Never throws. */
export async function dropUnnamed(engine: Engine, id: string): Promise<void> {
  try {
    const found = await engine.inspectImage(id);
    if ((found?.RepoTags ?? []).length === 0) await engine.removeImage(id);
  } catch {
    // a container may use it; without a name, nobody takes it for something else
  }
}

/** With its host and tag. Exporters to an engine's own store leave out a tag that was not written. */
function fullNameOf(name: string, hasContainerd: boolean): string {
  const reference = parseReference(name);
  if (reference === null) return name;
  const isTold = hasContainerd || name.endsWith(`:${reference.tag}`);
  return isTold ? `${repositoryOf(reference)}:${reference.tag}` : repositoryOf(reference);
}

/** A step of ours among the engine's. */
async function shown<T>(report: Report, name: string, work: () => Promise<T>): Promise<T> {
  const step = { kind: "step", step: `sealmount:${name}`, name, cached: false } as const;
  const started = Date.now();
  report.emit({ ...step, started });
  try {
    const result = await work();
    report.emit({ ...step, started, completed: Date.now() });
    return result;
  } catch (error) {
    report.emit({ ...step, started, completed: Date.now(), error: "not done" });
    throw error;
  }
}
