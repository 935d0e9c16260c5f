import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { type Claim, nextTurn } from "../../../src/build/render-turns.ts";

const claim = (updates: number, since: number): Claim => ({ updates, since });

describe("the floor", () => {
  it("when it is free, goes to who says most", () => {
    const [quiet, busy] = [claim(1, 0), claim(9, 0)];
    expect(nextTurn([quiet, busy], null, 1_000)).toBe(busy);
  });

  it("is held for about five seconds, longer by who says more", () => {
    const holder = claim(10, 0);
    const other = claim(10, 0);
    expect(nextTurn([other, holder], holder, 4_900)).toBeNull();
    expect(nextTurn([claim(1, 4_000), holder], holder, 5_200)).not.toBe(other);
    expect(nextTurn([claim(90, 0)], claim(10, 0), 6_000)).toEqual(claim(90, 0));
    expect(nextTurn([claim(10, 0)], claim(90, 0), 6_000)).toBeNull();
  });

  it("goes to who waited more than ten seconds", () => {
    const holder = claim(1_000, 9_000);
    const waiting = claim(1, 0);
    expect(nextTurn([waiting, holder], holder, 9_999)).toBeNull();
    expect(nextTurn([waiting, holder], holder, 10_001)).toBe(waiting);
  });

  it("always goes to somebody when it is free, and stays with a holder who is alone", () => {
    const claims = fc.record({ updates: fc.nat(1_000), since: fc.nat(100_000) });
    fc.assert(
      fc.property(fc.array(claims, { minLength: 1 }), (waiting) => {
        expect(waiting).toContain(nextTurn(waiting, null, 100_000));
      }),
    );
    fc.assert(
      fc.property(claims, (holder) => {
        const next = nextTurn([holder], holder, 200_000);
        expect(next === null || next === holder).toBe(true);
      }),
    );
  });
});
