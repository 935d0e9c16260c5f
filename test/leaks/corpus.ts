/** Makes and verifies cases on this run's engine. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { dockerCli, dockerOut, engineHost, engineVersion } from "../engine/current.ts";
import { answerOf, verifyImage } from "./check.ts";
import type { Answer } from "./check.ts";
import { makeImage } from "./make.ts";
import type { EngineTraits, LeakCase } from "./model.ts";
import { peersFind } from "./peers.ts";

/** What a case came to. */
export interface Outcome {
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

export class Corpus {
  readonly traits: EngineTraits;
  readonly #engine: Engine;
  readonly #options: CorpusOptions;
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

  /** Why a case can't be run; undefined when it can. */
  whyNot({ store }: LeakCase): string | undefined {
    if (store !== undefined && store !== this.traits.store) return `only in the store ${store}`;
    return undefined;
  }

  /** Makes the image of a case, and verifies it. */
  async run(one: LeakCase): Promise<Outcome> {
    const number = this.#tags.length;
    const tag = `smtest-leaks-${process.pid}:${number}`;
    this.#tags.push(tag);
    const folder = join(this.#options.folder, String(number));
    await mkdir(folder);
    const made = await makeImage(one, { folder, tag });
    const answer = answerOf(await verifyImage(this.#engine, made));
    const { peers } = this.#options;
    if (peers.length === 0) return { answer, peers: {} };
    return { answer, peers: await peersFind(peers, tag, join(folder, "saved")) };
  }

  /** Removes the images. */
  async close(): Promise<void> {
    if (this.#tags.length > 0) await dockerCli(["rmi", "--force", ...this.#tags]);
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
