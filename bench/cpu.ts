/** Measures the CPU time of programs against a base, and says how many times the base each one needs. */
import { costOf, type Measurable, median } from "./cost.ts";

/** One program of a comparison. */
export interface Contestant extends Measurable {
  readonly name: string;
  /** What the issue asks of it, as a multiple of the base; left out: only shown. */
  readonly limit?: number;
}

export interface Measured {
  readonly name: string;
  /** Median, milliseconds of CPU (user + system). */
  readonly median: number;
  /** Median of the ratios to the base run of the same round. */
  readonly ratio: number;
  readonly limit: number | undefined;
}

/**
 * Runs all of them in turn, `rounds` times over, so that whatever else the machine does meanwhile
 * falls on all alike. The first contestant is the base; one round before counts for nothing.
 *
 * @param most - milliseconds of CPU after which a contestant runs no further rounds
 */
export async function compare(
  contestants: readonly Contestant[],
  rounds: number,
  most = 60_000,
): Promise<readonly Measured[]> {
  const times = contestants.map((): number[] => []);
  for (let round = -1; round < rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      const own = times[index] ?? [];
      if (own.reduce((sum, time) => sum + time, 0) > most) continue;
      const { cpu: time } = await costOf(contestant);
      if (round >= 0) own.push(time);
    }
  }
  const base = times[0] ?? [];
  return contestants.map(({ name, limit }, index) => {
    const own = times[index] ?? [];
    const ratios = own.map((time, round) => time / (base[round] ?? Number.NaN));
    return { name, median: median(own), ratio: median(ratios), limit };
  });
}

/** A table for people; returns false when a limit is not kept. */
export function printTable(title: string, measured: readonly Measured[]): boolean {
  process.stdout.write(`\n${title}\n`);
  for (const { name, median: time, ratio, limit } of measured) {
    const wanted =
      limit === undefined ? "" : `  (${ratio <= limit ? "at" : "OVER: at"} most ${limit} ×)`;
    const cells = [
      name.padEnd(34),
      `${time.toFixed(1).padStart(9)} ms`,
      `${ratio.toFixed(2).padStart(8)} ×`,
    ];
    process.stdout.write(`  ${cells.join(" ")}${wanted}\n`);
  }
  return measured.every(({ ratio, limit }) => limit === undefined || ratio <= limit);
}
