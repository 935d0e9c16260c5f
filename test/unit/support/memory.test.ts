import { expect, it } from "vitest";
import { heldBytes } from "../../support/memory.ts";

const SIZE = 32 << 20;

it("counts buffers that are held, and none that was let go of", async () => {
  const before = await heldBytes();
  const held = [Buffer.alloc(SIZE, 1)];
  expect((await heldBytes()) - before).toBeGreaterThan(SIZE * 0.9);
  held.pop();
  expect((await heldBytes()) - before).toBeLessThan(SIZE * 0.1);
});
