/** Makes and verifies cases on this run's engine. */
import { join } from "node:path";
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import type { VerifyReport } from "../../src/verify/model.ts";
import { dockerOut, engineHost, engineVersion } from "../engine/current.ts";
import { makeImages } from "./build.ts";
import { answerOf, verifyImage } from "./check.ts";
import type { Answer } from "./check.ts";
import { heldBy } from "./held.ts";
import { writeRecipe } from "./make.ts";
import type { Recipe } from "./make.ts";
import type { EngineTraits, LeakCase } from "./model.ts";
import { peersFind } from "./peers.ts";

/** What a case came to. */
export interface Outcome {
  readonly answer: Answer;
  /** What was read to find it, for whoever finds it wrong. */
  readonly read: string;
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

/** Images that one docker client builds: its start counts no longer, and the first come soon. */
const AT_A_TIME = 16;

export class Corpus {
  readonly traits: EngineTraits;
  readonly #engine: Engine;
  readonly #options: CorpusOptions;
  readonly #made = new Map<LeakCase, Promise<Recipe>>();
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

  /** Begins to make the images of cases, in their order; returns at once. */
  make(cases: readonly LeakCase[]): void {
    let before: Promise<unknown> = Promise.resolve();
    for (let at = 0; at < cases.length; at += AT_A_TIME) {
      const batch = cases.slice(at, at + AT_A_TIME);
      const recipes = before.then(async () =>
        Promise.all(batch.map(async (one) => this.#write(one))),
      );
      const built = recipes.then(async (all) => makeImages(all, this.#options.folder));
      for (const [i, one] of batch.entries()) {
        const made = recipes.then(async (all) => this.#whenMade(all[i], built));
        // told when the case is run
        made.catch(() => undefined);
        this.#made.set(one, made);
      }
      before = built.catch(() => undefined);
    }
  }

  /** Verifies the image of a case, once it is made. */
  async run(one: LeakCase): Promise<Outcome> {
    const recipe = await this.#recipeOf(one);
    const report = await verifyImage(this.#engine, recipe);
    const outcome = { answer: answerOf(report), read: readBy(report) };
    const { peers } = this.#options;
    if (peers.length === 0) return { ...outcome, peers: {} };
    return { ...outcome, peers: await peersFind(peers, recipe.tag, join(recipe.folder, "saved")) };
  }

  /** For a wrong answer: whether its values are in the image at all. Names them, no value. */
  async held(one: LeakCase): Promise<string> {
    const recipe = await this.#recipeOf(one);
    return heldBy(recipe, this.traits, join(recipe.folder, "held.tar"));
  }

  /** Removes the images. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#made.values());
    // all at once: containerd's store goes through all that it has after each, or after many
    const tags = this.#tags.splice(0);
    await Promise.all(tags.map(async (tag) => this.#engine.removeImage(tag, { force: true })));
  }

  async #recipeOf(one: LeakCase): Promise<Recipe> {
    const recipe = await this.#made.get(one);
    if (recipe === undefined) throw new Error(`no image is made of: ${one.name}`);
    return recipe;
  }

  async #write(one: LeakCase): Promise<Recipe> {
    const number = this.#tags.length;
    const tag = `smtest-leaks-${process.pid}:${number}`;
    this.#tags.push(tag);
    return writeRecipe(one, { folder: join(this.#options.folder, String(number)), tag });
  }

  /** One that can't be made spoils its batch: then each is made by itself, to know which it is. */
  async #whenMade(recipe: Recipe | undefined, built: Promise<void>): Promise<Recipe> {
    if (recipe === undefined) throw new RangeError("no such case in the batch");
    await built.catch(async () => makeImages([recipe], this.#options.folder));
    return recipe;
  }
}

/** `folders, sha256:…: 293 files in 2140160 bytes, 1 files in 2048 bytes` */
function readBy({ route, configs, layers }: VerifyReport): string {
  const each = layers.map(({ files, bytes }) => `${files} files in ${bytes} bytes`);
  return `${route?.name}, ${configs.join(" ")}: ${each.join(", ")}`;
}

async function traitsOfEngine(): Promise<EngineTraits> {
  const version = await engineVersion();
  const status = await dockerOut(["info", "--format", "{{json .DriverStatus}}"]);
  return {
    store: status.includes("io.containerd.snapshotter") ? "containerd" : "overlay2",
    isAtLeast: (major, minor) => version.atLeast(major, minor),
  };
}
