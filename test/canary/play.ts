/** Plays cases in every mode and looks for canaries in all that they print. */
import { expect, it } from "vitest";
import { sealmount, sealmountOnTerminal } from "../support/cli.ts";
import type { Ran } from "../support/process.ts";
import type { World } from "../support/temp.ts";
import { type Case, goesInTurn } from "./cases.ts";
import { copyStage, needlesIn, needlesWritten, snapshot, type Stage } from "./stage.ts";

/** Ways to call it, each with the global options that go after the command's own words. */
const MODES = {
  pipe: ["--debug"],
  "pipe, JSON": ["--debug", "--json"],
  terminal: ["--debug"],
} as const;
type Mode = keyof typeof MODES;

/** DEBUG: docker-modem prints whole requests and answers when it is asked to. */
const NOISY = { DEBUG: "*", SEALMOUNT_DEBUG: "1" };

type Environment = Readonly<Record<string, string>>;

/** A test for every case: all modes of it at once. */
export function playAll(stage: Stage, cases: readonly Case[], env: Environment = {}): void {
  it.each(cases)("$title", async (one) => {
    const modes = (Object.keys(MODES) as Mode[]).filter(
      (mode) =>
        (one.only === undefined || mode.startsWith(one.only)) &&
        (one.isJsonRefused !== true || !mode.endsWith("JSON")),
    );
    const played = await inTurnOrAtOnce(one, modes, async (mode) =>
      play({ stage, one, mode, env }),
    );
    const faults = played.filter(({ needles, code }) => needles > 0 || code !== one.exit);
    expect(faults).toEqual([]);
  });
}

/**
 * All modes at once, but those of a running container one after another, and builds: with the
 * containerd store, an engine that ends two builds of the same nameless image at one time fails one of
 * them (`already exists`).
 */
async function inTurnOrAtOnce<T>(
  one: Case,
  modes: readonly Mode[],
  playOne: (mode: Mode) => Promise<T>,
): Promise<T[]> {
  if (!goesInTurn(one)) return Promise.all(modes.map(playOne));
  const played: T[] = [];
  for (const mode of modes) played.push(await playOne(mode));
  return played;
}

/** What a failure may show of a run. */
interface Outcome {
  readonly mode: Mode;
  readonly needles: number;
  readonly code: number | null;
  /** Only when it is clean. */
  readonly output: string;
}

/** @param written - needles in files */
function outcomeOf(
  stage: Stage,
  { mode, ran: { code, bytes }, written }: { mode: Mode; ran: Ran; written: number },
): Outcome {
  const needles = needlesIn(stage, bytes) + written;
  return { mode, needles, code, output: needles === 0 ? bytes.toString() : "(not clean)" };
}

interface Play {
  readonly stage: Stage;
  readonly one: Case;
  readonly mode: Mode;
  readonly env: Environment;
}

async function play(o: Play): Promise<Outcome> {
  const { stage, mode } = o;
  await using world = await copyStage(stage, o.one.files);
  const before = await snapshot(world);
  const ran = await runIn(world, o);
  const written = await needlesWritten(stage, world, before);
  return outcomeOf(stage, { mode, ran, written });
}

async function runIn(world: World, { one, mode, env }: Play): Promise<Ran> {
  const [command = "", ...rest] = one.args;
  const words = command === "key" ? [command, rest.shift() ?? ""] : [command];
  const viaStdin = one.typing !== undefined && mode !== "terminal" ? ["--stdin"] : [];
  const args = [...words, ...MODES[mode], ...viaStdin, ...rest];
  const options = { cwd: world.cwd, env: { ...world.env, ...env, ...NOISY, ...one.env } };
  if (mode === "terminal") {
    return await sealmountOnTerminal(args, { ...options, typing: one.typing ?? [] });
  }
  const interrupt = one.interrupt === undefined ? {} : { interrupt: one.interrupt };
  return await sealmount(args, { ...options, ...interrupt, stdin: one.stdin ?? "" });
}
