import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it, type RunnerTestSuite } from "vitest";
import { CASES } from "../leaks/cases/all.ts";
import { rightAnswer } from "../leaks/check.ts";
import { Corpus } from "../leaks/corpus.ts";
import { GROUPS, type Group, type LeakCase } from "../leaks/model.ts";
import { peersOnPath } from "../leaks/peers.ts";
import { renderTable, type Row } from "../leaks/table.ts";
import { makeWorld, type World } from "../support/temp.ts";

/**
 * The leak corpus: images with a known answer, made on this run's engine. Every leak must be found
 * where it is and as what it is, and nothing else. LEAKS_TABLE=1 prints what was found as a table,
 * LEAKS_PEERS=1 puts beside it what other scanners on the PATH report.
 */

let world: World;
let corpus: Corpus;
const rows = new Map<LeakCase, Row>();

// oxlint-disable-next-line no-empty-pattern -- vitest reads from here what a hook asks for: nothing
beforeAll(async ({}, file) => {
  world = await makeWorld();
  const peers = process.env["LEAKS_PEERS"] === "1" ? await peersOnPath() : [];
  corpus = await Corpus.open({ folder: world.cwd, peers });
  // a filter on names leaves some out
  const names = new Set(testsOf(file));
  const asked = CASES.filter(({ name }) => names.has(name));
  corpus.make(asked.filter((one) => corpus.whyNot(one) === undefined));
});

afterAll(async () => {
  await corpus.close();
  await world[Symbol.asyncDispose]();
  const inOrder = CASES.flatMap((one) => rows.get(one) ?? []);
  if (process.env["LEAKS_TABLE"] === "1") console.log(renderTable(inOrder));
});

const titled = (group: Group) =>
  CASES.filter((one) => one.group === group).map((one) => [one.name, one] as const);

// several at a time: a search waits for the engine for some of its time
describe.each(GROUPS)("IT4 IT12 IT13 RI18: the leak corpus, %s", (group) => {
  it.concurrent.for(titled(group))("%s", async ([, one], context) => {
    const reason = corpus.whyNot(one);
    context.skip(reason !== undefined, reason);
    const right = rightAnswer(one, corpus.traits);
    const { answer, read, peers } = await corpus.run(one);
    const found = { sealmount: answer.places.length > 0, ...peers };
    // what can't be opened is told, neither found nor missed
    if (one.unread === undefined) rows.set(one, { one, isLeaky: right.places.length > 0, found });
    const held = isDeepStrictEqual(answer, right) ? undefined : await corpus.held(one);
    // the same on both sides: it is shown beside what differs
    expect({ read, held, ...answer }).toEqual({ read, held, ...right });
  });
});

/** The names of the tests that are to run. */
function testsOf({ tasks }: RunnerTestSuite): readonly string[] {
  return tasks.flatMap((task) => {
    if (task.type === "suite") return testsOf(task);
    return task.mode === "run" ? [task.name] : [];
  });
}
