/** What a container's notes say, read from this machine's folder or through the engine. */
import type { Engine } from "../../docker/engine.ts";
import { isFolderOf } from "../../docker/host-tmpfs.ts";
import { statusOf } from "../../docker/errors.ts";
import { DATA, STATE } from "../delivery/tree.ts";
import type { Env } from "../options.ts";
import { readText } from "../probe.ts";
import type { KnownContainer } from "./find.ts";
import { readState, type State } from "./state.ts";
import { readNotesIn } from "./store-bind.ts";

/** The note of each mounted folder, or why the files can't be vouched for. */
export type Notes =
  { readonly states: readonly State[] } | { readonly states: null; readonly why: string };

/** Never throws for files that are gone: that is an answer. */
export async function readNotes(
  { engine, env }: { readonly engine: Engine; readonly env: Env },
  container: KnownContainer,
): Promise<Notes> {
  const { spec, folder, run } = container.labels;
  const isHere = folder !== undefined && (await isFolderOf(env, folder, run));
  if (spec.folders.length + spec.singles.length === 0) return { states: [] };
  if (!isHere && !container.running) {
    return { states: null, why: "it does not run, and its files went with it" };
  }
  const texts = isHere ? await readNotesIn(folder, spec) : await readInside(engine, container);
  const states = texts.map((text) => (text === null ? null : readState(text)));
  const isWhole = states.every((state) => state !== null);
  if (isWhole && !(await isEmptied(engine, container))) return { states };
  return { states: null, why: "its files are gone: revoked, or not there after a restart" };
}

/** By the path that the program sees. */
async function readInside(
  engine: Engine,
  { id, labels }: KnownContainer,
): Promise<(string | null)[]> {
  const texts: (string | null)[] = [];
  for (const { target } of labels.spec.folders) {
    texts.push(await readText(engine, id, `${target}/${DATA}/${STATE}`).catch(nullIfRefused));
  }
  return texts;
}

/** Beside files that are mounted alone there is no note: `revoke` leaves them all empty. */
async function isEmptied(
  engine: Engine,
  { id, running, labels }: KnownContainer,
): Promise<boolean> {
  const { folders, singles } = labels.spec;
  if (folders.length > 0 || !running) return false;
  for (const { target } of singles) {
    const stat = await engine.headArchive(id, target).catch(nullIfRefused);
    if (stat !== null && stat.size > 0) return false;
  }
  return true;
}

function nullIfRefused(error: unknown): null {
  if (statusOf(error) === undefined) throw error;
  return null;
}
