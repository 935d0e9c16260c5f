/** Makes and verifies the cases, a few at a time, so that a slow one holds up no other. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { dockerCli, dockerOut, engineHost, engineVersion } from "../engine/current.ts";
import { answerOf, verifyImage } from "./check.ts";
import type { Answer } from "./check.ts";
import { makeImage } from "./make.ts";
import type { MadeImage } from "./make.ts";
import { peersFind } from "./peers.ts";
import type { EngineTraits, LeakCase, Need } from "./model.ts";

/** What a case came to. */
export interface Outcome {
  readonly made: MadeImage;
  readonly answer: Answer;
  /** By name of another scanner: whether it reported anything. Empty unless asked for. */
  readonly peers: Readonly<Record<string, boolean>>;
}

/** How to run the corpus. */
export interface CorpusOptions {
  /** An empty folder. */
  readonly folder: string;
  /** Other scanners to run as well. */
  readonly peers: readonly string[];
}

/** Parts of the search that are not there yet: their cases are skipped, and named at the end. */
export const MISSING: ReadonlySet<Need> = new Set(["disguises", "members", "wraps"]);

/** Images that are made at a time: a build waits for its engine half of the time. */
const AT_A_TIME = 4;

export class Corpus {
  readonly traits: EngineTraits;
  readonly #engine: Engine;
  readonly #options: CorpusOptions;
  readonly #outcomes = new Map<LeakCase, PromiseWithResolvers<Outcome>>();
  readonly #lanes: Promise<void>[] = [];
  readonly #tags: string[] = [];

  private constructor(traits: EngineTraits, engine: Engine, options: CorpusOptions) {
    this.traits = traits;
    this.#engine = engine;
    this.#options = options;
  }

  static async open(options: CorpusOptions): Promise<Corpus> {
    const endpoint = await resolveEndpoint({ host: engineHost(), env: {}, home: "/" });
    return new Corpus(await traitsOfEngine(), await Engine.connect(endpoint), options);
  }

  /** Why a case can't be run, or not yet; undefined when it can. */
  whyNot({ store, needs }: LeakCase): string | undefined {
    if (store !== undefined && store !== this.traits.store) return `only in the store ${store}`;
    if (needs !== undefined && MISSING.has(needs)) return `the search has no ${needs} yet`;
    return undefined;
  }

  /** Begins to make and verify those that can be run, in their order. */
  start(cases: readonly LeakCase[]): void {
    for (const one of cases) {
      if (this.whyNot(one) !== undefined) continue;
      const outcome = Promise.withResolvers<Outcome>();
      // a failure belongs to the test of its case, which may come later
      outcome.promise.catch(() => undefined);
      this.#outcomes.set(one, outcome);
    }
    const queue = this.#outcomes.entries();
    for (let i = 0; i < AT_A_TIME; i++) this.#lanes.push(this.#work(queue));
  }

  /** What a case that was started comes to. */
  async outcome(one: LeakCase): Promise<Outcome> {
    const outcome = this.#outcomes.get(one);
    if (outcome === undefined) throw new Error(`not started: ${one.name}`);
    return outcome.promise;
  }

  /** Removes the images. */
  async close(): Promise<void> {
    await Promise.all(this.#lanes);
    if (this.#tags.length > 0) await dockerCli(["rmi", "--force", ...this.#tags]);
  }

  async #work(queue: Iterable<[LeakCase, PromiseWithResolvers<Outcome>]>): Promise<void> {
    for (const [one, { resolve, reject }] of queue) await this.#run(one).then(resolve, reject);
  }

  async #run(one: LeakCase): Promise<Outcome> {
    const number = this.#tags.length;
    const tag = `smtest-leaks-${process.pid}:${number}`;
    this.#tags.push(tag);
    const { folder, peers } = this.#options;
    const own = join(folder, String(number));
    await mkdir(own);
    const made = await makeImage(one, { folder: own, tag });
    const answer = answerOf(await verifyImage(this.#engine, made));
    const others = peers.length === 0 ? {} : await peersFind(peers, tag, join(own, "saved"));
    return { made, answer, peers: others };
  }
}

async function traitsOfEngine(): Promise<EngineTraits> {
  const version = await engineVersion();
  const status = await dockerOut(["info", "--format", "{{json .DriverStatus}}"]);
  return {
    store: status.includes("io.containerd.snapshotter") ? "containerd" : "overlay2",
    isAtLeast: (major, minor) => version.atLeast(major, minor),
  };
}
