import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CASES } from "../leaks/cases/all.ts";
import { rightAnswer } from "../leaks/check.ts";
import { Corpus } from "../leaks/corpus.ts";
import { GROUPS, type LeakCase } from "../leaks/model.ts";
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

beforeAll(async () => {
  world = await makeWorld();
  const peers = process.env["LEAKS_PEERS"] === "1" ? await peersOnPath() : [];
  corpus = await Corpus.open({ folder: world.cwd, peers });
});

afterAll(async () => {
  await corpus.close();
  await world[Symbol.asyncDispose]();
  const inOrder = CASES.flatMap((one) => rows.get(one) ?? []);
  if (process.env["LEAKS_TABLE"] === "1") console.log(renderTable(inOrder));
});

// several at a time: an image is made and searched in a second, most of it waiting for the engine
describe.concurrent.each(GROUPS)("IT4 IT12 IT13 RI18: the leak corpus, %s", (group) => {
  it.for(CASES.filter((one) => one.group === group))("$name", async (one, context) => {
    const reason = corpus.whyNot(one);
    context.skip(reason !== undefined, reason);
    const right = rightAnswer(one, corpus.traits);
    const { answer, peers } = await corpus.run(one);
    const found = { sealmount: answer.places.length > 0, ...peers };
    // what can't be opened is told, neither found nor missed
    if (one.unread === undefined) rows.set(one, { one, isLeaky: right.places.length > 0, found });
    expect(answer).toEqual(right);
  });
});
