/** Engines whose root is somebody else outside, and what the tests ask of them. */
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { LABEL_OWNER } from "../../src/docker/labels.ts";
import { testEngine } from "../engine/current.ts";
import { docker, makeBaseImages, startEngine, stopEngine } from "../engine/engine.ts";
import type { TestEngine } from "../engine/engine.ts";

export const KINDS = ["userns", "rootless"] as const;

interface Kind {
  /** Who root and user 1000 of a container are outside: see kinds.sh. */
  readonly outside: readonly [root: number, user: number];
  /** `doctor`'s words for it. */
  readonly told: string;
  /** Where files are: who isn't root in the whole machine may not mount tmpfs without swap. */
  readonly memory: "tmpfs" | "ramfs";
}

const ABOUT: Readonly<Record<(typeof KINDS)[number], Kind>> = {
  userns: { outside: [1_100_000, 1_101_000], told: "shifted (userns-remap)", memory: "tmpfs" },
  rootless: { outside: [54_321, 1_100_999], told: "rootless", memory: "ramfs" },
};

/** A started engine, and a connection to it. */
export interface RemappedEngine extends Kind, AsyncDisposable {
  readonly engine: Engine;
  readonly test: TestEngine;
  /** The docker client's output, trimmed. @throws Error when it fails */
  out(...args: string[]): Promise<string>;
  /** Removes sealmount's containers and volumes, but for the gate's; tells what there was. */
  sweep(): Promise<string[]>;
}

/** Starts one of this run's variant; disposing stops it and throws its data away. */
export async function remappedEngine(kind: (typeof KINDS)[number]): Promise<RemappedEngine> {
  const test = await startEngine(`${testEngine().variant}-${kind}`);
  const endpoint = await resolveEndpoint({ host: test.host, env: {}, home: "/" });
  const out = async (...args: string[]): Promise<string> => {
    const ended = await docker(test, args);
    if (ended.code !== 0) throw new Error(`docker ${args[0]} failed: ${ended.stderr.trim()}`);
    return ended.stdout.trim();
  };
  await makeBaseImages(test, "busybox");
  return {
    ...ABOUT[kind],
    engine: await Engine.connect(endpoint),
    test,
    out,
    async sweep() {
      const filter = ["--filter", `label=${LABEL_OWNER}`];
      const containers = words(await out("ps", "-aq", ...filter));
      const volumes = words(await out("volume", "ls", "-q", ...filter));
      const made = volumes.filter((name) => !name.startsWith("sealmount-gate-"));
      if (containers.length > 0) await out("rm", "-f", ...containers);
      if (made.length > 0) await out("volume", "rm", ...made);
      return [...containers, ...made];
    },
    async [Symbol.asyncDispose]() {
      await stopEngine(test, { purge: true });
    },
  };
}

function words(text: string): string[] {
  return text.split("\n").filter((word) => word !== "");
}
