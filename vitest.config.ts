import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // vitest keeps one core for itself, which is half of two
    maxWorkers: "100%",
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/*.test.ts", "test/unit/**/*.test.ts"],
          // many start a process; a machine may be slow, or busy with something else
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: ["test/engine/global-setup.ts"],
          // one engine: files run one after the other (scripts/test.ts runs two suites at a time)
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 300_000,
          // of expect.poll: what is waited for comes in a moment, on a busy machine in several
          expect: { poll: { timeout: 20_000 } },
        },
      },
    ],
  },
});
