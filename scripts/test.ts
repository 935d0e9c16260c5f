/**
 * `npm test`: everything that must hold before a push, on every supported engine. Goes through all of
 * it even when something fails, then prints a table, what failed, and `N passed, N failed`.
 *
 * What fails runs once more, by itself: two suites share a machine, which may be slow. What passes then
 * is told of as unsteady, never passed over.
 *
 * SEALMOUNT_TEST_ENGINES names other engines than all four: `SEALMOUNT_TEST_ENGINES=trixie npm test`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeBaseImages, pruneBuildCache, startEngine, VARIANTS } from "../test/engine/engine.ts";
import { leftOut } from "../test/engine/files.ts";
import { build } from "./build.ts";
import { check, type Outcome, program, secondsSince, suite, type SuiteCall } from "./suite.ts";
import { summary } from "./summary.ts";

/** An engine that is still moving: it may fail to start without a fault of ours. */
const MAY_BE_MISSING = /^forky/;

/**
 * Engines that are tested at a time: a suite waits for its engine half of the time, so two of them keep
 * two cores busy. More would only wait for each other.
 */
const AT_A_TIME = 2;

/** The engines by how long their suites take. */
const LONGEST_FIRST: readonly string[] = ["bookworm", "forky-containerd", "forky", "trixie"];

async function main(): Promise<number> {
  const started = Date.now();
  const folder = await mkdtemp(join(tmpdir(), "sealmount-test-"));
  const outcomes: Outcome[] = [];
  const variants = variantsToTest();
  try {
    // the engines start beside the checks: no test with a time limit runs yet
    const [engines, ...checks] = await Promise.all([
      startEngines(variants),
      check("types", () => program({ name: "tsc", args: ["--noEmit"] }, "types")),
      check("lint", () => program({ name: "oxlint", args: ["--type-aware"] }, "lint")),
      check("format", () => program({ name: "prettier", args: ["--check", "."] }, "format")),
    ]);
    outcomes.push(...checks, await check("build", async () => build().then(() => 0)));
    outcomes.push(await suite("unit", { args: ["--project", "unit"], folder, secondTry: true }));
    outcomes.push(...(await endToEnd(variants, engines, folder)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  process.stdout.write(`\n${summary({ outcomes, variants, seconds: secondsSince(started) })}\n`);
  return outcomes.some(({ failed }) => failed > 0) ? 1 : 0;
}

/** Oldest first. */
function variantsToTest(): readonly string[] {
  const asked = process.env["SEALMOUNT_TEST_ENGINES"]
    ?.split(/[\s,]+/)
    .filter((word) => word !== "");
  return asked === undefined || asked.length === 0 ? VARIANTS : asked;
}

/** Starts engines, with images and little else; returns, by engine, why one could not be had. */
async function startEngines(variants: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const missing = new Map<string, string>();
  const pruned: Promise<void>[] = [];
  for (const variant of variants) {
    try {
      const engine = await startEngine(variant);
      await makeBaseImages(engine);
      pruned.push(pruneBuildCache(engine));
    } catch (error) {
      missing.set(variant, error instanceof Error ? error.message : String(error));
    }
  }
  // a cache that can't be pruned makes a run slow, not wrong
  await Promise.allSettled(pruned);
  return missing;
}

/** The suite `e2e` on every engine, several at a time. */
async function endToEnd(
  variants: readonly string[],
  missing: ReadonlyMap<string, string>,
  folder: string,
): Promise<readonly Outcome[]> {
  // the last two then end at about the same time
  const rank = (variant: string): number => LONGEST_FIRST.indexOf(variant);
  const waiting = variants.toSorted((one, other) => rank(one) - rank(other));
  const outcomes = new Map<string, Outcome>();
  const lane = async (): Promise<void> => {
    for (let variant = waiting.shift(); variant !== undefined; variant = waiting.shift()) {
      const reason = missing.get(variant);
      const outcome =
        reason === undefined
          ? await suite(titleOf(variant), { ...callOf(variant, variants), folder })
          : notRun(variant, reason);
      outcomes.set(variant, outcome);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  return variants.flatMap((variant) => outcomes.get(variant) ?? []);
}

function titleOf(variant: string): string {
  return `e2e on ${variant}`;
}

function callOf(variant: string, variants: readonly string[]): Omit<SuiteCall, "folder"> {
  const exclude = leftOut(variant, variants).map((file) => `--exclude=${file}`);
  return {
    args: ["--project", "e2e", ...exclude],
    env: { SEALMOUNT_TEST_ENGINE: variant },
    secondTry: true,
  };
}

function notRun(variant: string, skipped: string): Outcome {
  const failed = MAY_BE_MISSING.test(variant) ? 0 : 1;
  return { name: titleOf(variant), passed: 0, failed, seconds: 0, skipped };
}

process.exitCode = await main();
