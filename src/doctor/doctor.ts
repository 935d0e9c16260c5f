/** `doctor`: is everything here that the other commands need, and what to do where it is not. */
import type { Engine } from "../docker/engine.ts";
import { SealmountError } from "../errors.ts";
import type { Env } from "../keys/variables.ts";
import { engineLines } from "./engine-lines.ts";
import { keyLines } from "./key-lines.ts";
import { findHeld } from "../docker/held-notes.ts";
import { findLeftovers } from "../docker/leftovers.ts";
import type { Leftover } from "../docker/leftovers.ts";
import { cacheFolder } from "../project/cache-folder.ts";
import { manifestLines } from "./manifest-lines.ts";
import { failLine, okLine, warnLine } from "./model.ts";
import type { DoctorLine } from "./model.ts";

/** What to look at. */
export interface DoctorOptions {
  readonly env: Env;
  readonly home: string;
  /** Where the search for the manifest starts. */
  readonly cwd: string;
  /** Path of the manifest, or of its folder. */
  readonly file?: string | undefined;
  readonly appling?: string | undefined;
  readonly keyFile?: string | undefined;
  /** Connects to the engine; its failure is a finding. */
  readonly connect: () => Promise<Engine>;
  /** Remove what killed processes left behind. */
  readonly clean?: boolean | undefined;
}

/**
 * Looks at manifest, keys, engine and leftovers; changes nothing but for `clean`.
 *
 * @returns in the order in which things depend on each other. No line holds a value.
 */
export async function doctor(options: DoctorOptions): Promise<DoctorLine[]> {
  const { project, lines } = await manifestLines(options);
  const keys = await keyLines(options, project);
  const { engine, lines: about } = await engineOf(options);
  return [...lines, ...keys, ...about, ...(await leftoverLines(options, engine))];
}

async function engineOf({
  connect,
  env,
}: DoctorOptions): Promise<{ readonly engine: Engine | null; readonly lines: DoctorLine[] }> {
  try {
    const engine = await connect();
    return { engine, lines: await engineLines(engine, env) };
  } catch (error) {
    if (!(error instanceof SealmountError)) throw error;
    return { engine: null, lines: [failLine("engine", error)] };
  }
}

async function leftoverLines(
  { env, clean }: DoctorOptions,
  engine: Engine | null,
): Promise<DoctorLine[]> {
  try {
    const held = await findHeld(engine, cacheFolder(env));
    const every = [...(await findLeftovers(engine, env)), ...held];
    const leftovers = every.filter(({ kept }) => clean === true || !kept);
    if (leftovers.length === 0) return [okLine("leftovers", "none")];
    if (clean !== true) return leftovers.map(reportOf);
    const lines: DoctorLine[] = [];
    for (const leftover of leftovers) lines.push(await removed(leftover));
    return lines;
  } catch (error) {
    if (error instanceof SealmountError) return [failLine("leftovers", error)];
    throw error;
  }
}

function reportOf({ kind, name }: Leftover): DoctorLine {
  return warnLine("leftovers", `${kind} ${name} of a killed process`, "sealmount doctor --clean");
}

async function removed({ kind, name, remove }: Leftover): Promise<DoctorLine> {
  try {
    await remove();
    return okLine("leftovers", `${kind} ${name} removed`);
  } catch (error) {
    if (error instanceof SealmountError) return failLine("leftovers", error);
    throw error;
  }
}
