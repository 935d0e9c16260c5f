import { describe, expect, it } from "vitest";
import { type Cost, median } from "../../../bench/cost.ts";
import { ownCosts, type Race, ratioIn } from "../../../bench/race.ts";

function runs(...walls: number[]): Cost[] {
  return walls.map((wall) => ({ wall, cpu: wall * 2, memory: wall }));
}

const COSTS: Race = new Map([
  ["sealmount", runs(10, 20, 60)],
  ["old", runs(20, 10, 20)],
  ["new", runs(10, 40)],
]);

describe("the figures of a race", () => {
  it.each([
    { values: [3, 1, 2], middle: 2 },
    { values: [4, 1, 2, 3], middle: 2.5 },
    { values: [], middle: Number.NaN },
  ])("the median of $values is $middle", ({ values, middle }) => {
    expect(median(values)).toBe(middle);
  });

  it.each([
    { against: ["old"], ratio: 2, why: "0.5, 2 and 3" },
    { against: ["new"], ratio: 0.75, why: "1 and 0.5: the third round had no run of it" },
    { against: ["old", "new"], ratio: 2, why: "1, 2 and 3: the better one of each round" },
    { against: ["none"], ratio: Number.NaN, why: "nothing ran" },
  ])("compares round by round with $against: $why", ({ against, ratio }) => {
    expect(ratioIn(COSTS, { title: "", of: "sealmount", against, what: "wall" })).toBe(ratio);
    expect(ratioIn(COSTS, { title: "", of: "sealmount", against, what: "cpu" })).toBe(ratio);
  });

  it("knows which programs are sealmount's", () => {
    expect(ownCosts(COSTS)).toEqual(runs(10, 20, 60));
  });
});
