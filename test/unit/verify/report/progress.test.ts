import { describe, expect, it } from "vitest";
import { verifyView } from "../../../../src/verify/report/progress.ts";

/** A terminal that keeps what is written, and a clock. */
function stage(o: { readonly isTTY: boolean; readonly columns?: number }): {
  readonly output: typeof o & { write(text: string): void };
  readonly written: string[];
  readonly clock: { ms: number };
} {
  const written: string[] = [];
  const output = { ...o, write: (text: string) => void written.push(text) };
  return { output, written, clock: { ms: 0 } };
}

describe("verifyView", () => {
  it("shows bytes, rate and a bar where the size is known, and takes the line away", () => {
    // some terminals do not know how wide they are
    const { output, written, clock } = stage({ isTTY: true, columns: 0 });
    const view = verifyView(output, "cats:1", { now: () => clock.ms });
    view.onProgress(1_000, 4e8);
    expect(written).toEqual([]);
    clock.ms = 1_000;
    view.onProgress(1e8, 4e8);
    clock.ms = 2_000;
    view.onProgress(5e8, 4e8);
    view.end();
    view.end();
    expect(written).toEqual([
      "\rcats:1: [======                  ]  25 %  100.0 MB of 400.0 MB  100.0 MB/s\u001b[K",
      "\rcats:1: [========================] 100 %  500.0 MB of 400.0 MB  250.0 MB/s\u001b[K",
      "\r\u001b[K",
    ]);
  });

  it("shows bytes and rate where it is not, cut to the width", () => {
    const { output, written, clock } = stage({ isTTY: true, columns: 23 });
    const view = verifyView(output, "c\u001b[2J", { now: () => clock.ms });
    view.onProgress(1);
    clock.ms = 1_000;
    view.onProgress(2e9);
    view.end();
    expect(written[0]).toBe("\rc\\x1b[2J: read 2.00 GB\u001b[K");
  });

  it("says that the engine prepares the image while nothing comes", async () => {
    const { output, written, clock } = stage({ isTTY: true });
    const silence = "the engine is preparing the image";
    const view = verifyView(output, "cats", { silence, now: () => clock.ms });
    clock.ms = 14_300;
    await expect.poll(() => written.length).toBeGreaterThan(0);
    view.end();
    expect(written[0]).toBe("\rcats: the engine is preparing the image, 14 s\u001b[K");
  });

  it("draws nothing where nobody looks", () => {
    const { output, written, clock } = stage({ isTTY: false });
    const view = verifyView(output, "cats", { now: () => clock.ms });
    clock.ms = 5_000;
    view.onProgress(1e9, 2e9);
    view.end();
    expect(written).toEqual([]);
  });
});
