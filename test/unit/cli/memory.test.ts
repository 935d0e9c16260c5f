import { afterEach, expect, it, vi } from "vitest";
import { LessMemory } from "../../../src/cli/memory.ts";

const done = vi.hoisted((): string[] => []);
vi.mock("node:v8", () => ({ setFlagsFromString: (flag: string) => done.push(flag) }));
vi.mock("node:vm", () => ({ runInNewContext: (name: string) => () => done.push(name) }));
afterEach(() => void done.splice(0));

it("leaves a process alone that reads little", () => {
  {
    using memory = new LessMemory();
    memory.note(1_000_000);
  }
  expect(done).toEqual([]);
});

it("is on once much was read, and leaves room before the process ends", () => {
  {
    using memory = new LessMemory();
    for (const bytes of [1_000_000, 10_000_000, 20_000_000]) memory.note(bytes);
    expect(done).toEqual(["--optimize-for-size"]);
  }
  expect(done.slice(1)).toEqual(["--no-optimize-for-size", "--expose-gc", "gc"]);
});
