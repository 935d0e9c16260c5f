import { expect, it } from "vitest";

import { swapLines } from "../../../src/doctor/swap.ts";
import { makeWorld } from "../../support/temp.ts";

const HEADINGS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

it.each([
  ["no swap", HEADINGS, 0],
  [
    "a partition",
    `${HEADINGS}/dev/dm-1                               partition\t8388604\t0\t-2\n`,
    1,
  ],
  ["nothing that can be read", "", 0],
])("warns where the machine swaps: %s", async (_title, text, warnings) => {
  await using world = await makeWorld();
  const lines = await swapLines(await world.write("swaps", text));
  expect(lines.map(({ status }) => status)).toEqual(Array(warnings).fill("warn"));
});
