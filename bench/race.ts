/** Runs whole programs in turn, and compares what they cost round by round. */
import { type Cost, costOf, type Measurable, median } from "./cost.ts";

/** One program of a race. */
export interface Racer extends Measurable {
  readonly name: string;
}

/** What each run cost, by name; a program that ran no further rounds has fewer. */
export type Race = ReadonlyMap<string, readonly Cost[]>;

/** Something that a race is to show. */
export interface Aim {
  readonly title: string;
  readonly of: string;
  /** Of several, the one that was best in the round. */
  readonly against: readonly string[];
  readonly what: "wall" | "cpu";
  /** A multiple; left out: only shown. */
  readonly limit?: number;
}

/**
 * Runs all of them in turn, `rounds` times over, each first in turn, so that whatever else the machine
 * does meanwhile falls on all alike.
 *
 * @param most - milliseconds of wall time after which a program runs no further rounds
 */
export async function race(
  racers: readonly Racer[],
  { rounds, most = Infinity }: { readonly rounds: number; readonly most?: number },
): Promise<Race> {
  const costs = new Map(racers.map(({ name }): [string, Cost[]] => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const racer of round % 2 === 0 ? racers : racers.toReversed()) {
      const own = costs.get(racer.name) ?? [];
      if (own.reduce((sum, { wall }) => sum + wall, 0) < most) own.push(await costOf(racer));
    }
  }
  return costs;
}

/** The median over the rounds in which both sides ran. */
export function ratioIn(costs: Race, { of, against, what }: Aim): number {
  const ratios = (costs.get(of) ?? []).flatMap((own, round) => {
    const others = against.flatMap((name) => costs.get(name)?.[round]?.[what] ?? []);
    return others.length === 0 ? [] : [own[what] / Math.min(...others)];
  });
  return median(ratios);
}

/** Prints a table of all racers and of what was to be shown. @returns false when a limit is not kept */
export function printRace(title: string, costs: Race, aims: readonly Aim[]): boolean {
  const lines = Array.from(costs, ([name, own]) => costLine(name, own));
  process.stdout.write(`\n${title}\n${lines.join("")}`);
  const kept = aims.map((aim) => printFigure(aim.title, ratioIn(costs, aim), "×", aim.limit));
  return kept.every(Boolean);
}

/** One figure, with its limit. @returns false when it is not kept */
export function printFigure(
  title: string,
  figure: number,
  unit: "×" | "ms" | "MB",
  limit?: number,
): boolean {
  const kept = limit === undefined || figure <= limit;
  const wanted = limit === undefined ? "" : `  (${kept ? "at" : "OVER: at"} most ${limit} ${unit})`;
  const text = figure.toFixed(unit === "×" ? 2 : 0);
  process.stdout.write(`  ${title.padEnd(46)}${text.padStart(9)} ${unit}${wanted}\n`);
  return kept;
}

function costLine(name: string, costs: readonly Cost[]): string {
  const middle = (what: keyof Cost): string => median(costs.map((one) => one[what])).toFixed(0);
  const figures = `wall ${middle("wall").padStart(6)} ms, CPU ${middle("cpu").padStart(6)} ms`;
  const rounds = `${costs.length} round${costs.length === 1 ? "" : "s"}`;
  return `  ${name.padEnd(30)}${figures}, ${middle("memory").padStart(4)} MB, ${rounds}\n`;
}

/** What a part of a benchmark came to. */
export interface Shown {
  /** False when a limit is not kept. */
  readonly kept: boolean;
  /** Of every run of sealmount. */
  readonly own: readonly Cost[];
}

/** What the programs of a race cost whose names begin with sealmount's. */
export function ownCosts(costs: Race): readonly Cost[] {
  return Array.from(costs).flatMap(([name, own]) => (name.startsWith("sealmount") ? own : []));
}
