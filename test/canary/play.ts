/** Plays cases in every mode and looks for canaries in all that they print. */
import { expect, it } from "vitest";
import { sealmount, sealmountOnTerminal } from "../support/cli.ts";
import type { Ran } from "../support/process.ts";
import { type Case, goesInTurn } from "./cases.ts";
import { copyStage, needlesIn, type Stage } from "./stage.ts";

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
      (mode) => one.only === undefined || mode.startsWith(one.only),
    );
    const played = await inTurnOrAtOnce(one, modes, async (mode) =>
      outcomeOf(stage, mode, await play({ stage, one, mode, env })),
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

function outcomeOf(stage: Stage, mode: Mode, { code, bytes }: Ran): Outcome {
  const needles = needlesIn(stage, bytes);
  return { mode, needles, code, output: needles === 0 ? bytes.toString() : "(not clean)" };
}

async function play(o: {
  readonly stage: Stage;
  readonly one: Case;
  readonly mode: Mode;
  readonly env: Environment;
}): Promise<Ran> {
  const { stage, one, mode } = o;
  await using world = await copyStage(stage, one.files);
  const [command = "", ...rest] = one.args;
  const words = command === "key" ? [command, rest.shift() ?? ""] : [command];
  const viaStdin = one.typing !== undefined && mode !== "terminal" ? ["--stdin"] : [];
  const args = [...words, ...MODES[mode], ...viaStdin, ...rest];
  const options = { cwd: world.cwd, env: { ...world.env, ...o.env, ...NOISY, ...one.env } };
  if (mode === "terminal") {
    return await sealmountOnTerminal(args, { ...options, typing: one.typing ?? [] });
  }
  const interrupt = one.interrupt === undefined ? {} : { interrupt: one.interrupt };
  return await sealmount(args, { ...options, ...interrupt, stdin: one.stdin ?? "" });
}
