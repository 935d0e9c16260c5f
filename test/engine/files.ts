/**
 * Which end-to-end files run on which engines. All of them on all, but those listed here: what they
 * show is ours, or docker's client's, and what they need of an engine is shown on every engine by the
 * files named beside them.
 */
import { DEFAULT_VARIANT } from "./engine.ts";

/**
 * Files of test/e2e that run on the oldest and the newest engine, with the reason. The newest with the
 * engine's own image store, where it can be had: containerd's takes twice as long.
 */
export const ON_TWO: Readonly<Record<string, string>> = {
  "canary.test.ts": "what commands print; where values stay is shown by leak-table, run-*, live-*",
  "cli.test.ts": "words, streams and exit codes around the library: run, build, verify",
  "run-terminal.test.ts": "terminals, keys and signals on our side: run, exec-in",
  "run-via.test.ts": "another client does the work, or a stand-in: run-files, run-hidden",
  "build-via.test.ts": "another client does the work, or a stand-in: build",
  "build-guard.test.ts": "what is refused on our side never travels: leak-table, build-context",
  "filesync.test.ts": "the context is the same for every engine: build-context, build-monorepo",
  "verify-report.test.ts": "what is printed and written is ours: verify, verify-routes, leaks",
};

/** Files of test/e2e that run on one engine, with the reason. */
export const ON_ONE: Readonly<Record<string, string>> = {
  "demo.test.ts": "a walk through build, run and verify",
  "dockerfile.test.ts": "an image of npm packages, made by docker's client",
  "launcher.test.ts": "an example of the library: build, verify, launch",
  "prometheus.test.ts": "an example of the library: deliver",
  "proof.test.ts": "an example of the command line: build, verify, build-verify",
  "readme.test.ts": "a walk through set, build and run",
  "registry.test.ts": "an example for docker's own build",
};

/**
 * The files of test/e2e that a run on several engines leaves out on one of them, by their paths.
 *
 * @param variants - all engines of the run, oldest first
 */
export function leftOut(variant: string, variants: readonly string[]): readonly string[] {
  const [oldest, ...newer] = variants;
  const newest = newer.findLast((one) => !one.endsWith("-containerd")) ?? newer.at(-1);
  const ends = [oldest, newest];
  const one = variants.includes(DEFAULT_VARIANT) ? DEFAULT_VARIANT : variants[0];
  const files = [
    ...(ends.includes(variant) ? [] : Object.keys(ON_TWO)),
    ...(variant === one ? [] : Object.keys(ON_ONE)),
  ];
  return files.map((file) => `test/e2e/${file}`);
}
