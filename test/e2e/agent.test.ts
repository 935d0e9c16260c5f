import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { agent, type AgentEvent } from "../../src/run/live/agent.ts";
import { reseed } from "../../src/run/live/reseed.ts";
import type { RunEntry } from "../../src/run/options.ts";
import { dockerCli, dockerOut, testEngine } from "../engine/current.ts";
import { restartEngine } from "../engine/engine.ts";
import { canary } from "../support/canary.ts";
import { makeWorld } from "../support/temp.ts";
import { DIGEST_KEY, IDENTITY } from "./live-harness.ts";
import { ENV, expectClean, remoteEngine, runIn, secret, sweep } from "./run-harness.ts";
import { APP_IMAGE, buildImages, removeImages } from "./run-image.ts";
import { placesOf } from "./traces.ts";

/** Containers on an engine elsewhere, whose files a stop empties. */

beforeAll(buildImages);
afterAll(removeImages);
afterEach(async () => {
  for (const { stop } of running.splice(0)) await stop();
  const left = await dockerOut(["ps", "-aq", "--filter", `label=sealmount.app=${IDENTITY.app}`]);
  for (const id of left.split("\n").filter(Boolean)) await dockerCli(["rm", "-fv", id]);
  await sweep();
  await expectClean();
});

interface Running {
  readonly events: readonly AgentEvent[];
  readonly stop: () => Promise<void>;
}
const running: Running[] = [];

/** Starts an agent that has those values. */
async function agentWith(entries: () => readonly RunEntry[]): Promise<Running> {
  const engine = await remoteEngine();
  const abort = new AbortController();
  const events: AgentEvent[] = [];
  const ended = agent({
    engine,
    ...IDENTITY,
    signal: abort.signal,
    onEvent: (event) => events.push(event),
    seed: async (container) =>
      reseed({ engine, container, entries: entries(), digestKey: DIGEST_KEY, env: ENV }),
  });
  const one = {
    events,
    async stop() {
      abort.abort();
      await ended;
    },
  };
  running.push(one);
  return one;
}

async function start(
  entries: readonly RunEntry[],
  o: Partial<Parameters<typeof runIn>[0]> = {},
): Promise<string> {
  const { containerId } = await runIn({
    engine: await remoteEngine(),
    image: APP_IMAGE,
    entries,
    agent: true,
    identity: IDENTITY,
    digestKey: DIGEST_KEY,
    command: ["sh", "-c", "echo $A; cat /run/secrets/B; echo; sleep 300"],
    ...o,
    container: { detach: true, network: "none", user: "0", ...o.container },
  });
  return containerId;
}

async function logs(id: string, lines: number): Promise<string[]> {
  for (let tries = 0; ; tries += 1) {
    const { stdout } = await dockerCli(["logs", id]);
    const found = stdout.split("\n").filter((line) => line !== "");
    if (found.length >= lines || tries === 60) return found;
    await sleep(100);
  }
}

function values(a: string, b: string): RunEntry[] {
  return [secret("A", a), secret("B", b, { path: "/run/secrets/B" })];
}

describe("agent", () => {
  it("without it, a container that was started again waits, and runs nothing", async () => {
    const id = await start(values("a", "b"), { variables: "hidden" });
    expect(await logs(id, 2)).toEqual(["a", "b"]);
    await dockerOut(["restart", "-t", "0", id]);
    await sleep(700);
    expect(await logs(id, 2)).toEqual(["a", "b"]);
    expect(await dockerOut(["inspect", "-f", "{{.State.Running}}", id])).toBe("true");
    // and a stop ends it while it waits
    await dockerOut(["stop", "-t", "5", id]);
    const state = await dockerOut(["inspect", "-f", "{{.State.ExitCode}}", id]);
    expect(state).toBe("143");
  });

  it.each([["hidden"], ["plain"]] as const)(
    "brings files and variables (%s) back, with the values of now",
    async (variables) => {
      const id = await start(values("a", "b"), { variables });
      expect(await logs(id, 2)).toEqual(["a", "b"]);
      const { events } = await agentWith(() => values("a2", "b2"));
      await dockerOut(["restart", "-t", "0", id]);
      expect(await logs(id, 4)).toEqual(["a", "b", "a2", "b2"]);
      // told after the program is let through
      await expect.poll(() => events.filter(({ kind }) => kind === "seeded").length).toBe(1);
    },
  );

  it("for a restart policy, and for a container that waited before the agent came", async () => {
    const container = { restart: "always" };
    const id = await start(values("a", "b"), { variables: "hidden", container });
    expect(await logs(id, 2)).toEqual(["a", "b"]);
    await dockerOut(["exec", "-u", "0", id, "sh", "-c", "kill -9 -1; kill -9 1"]).catch(() => "");
    await dockerCli(["restart", "-t", "0", id]);
    const { events } = await agentWith(() => values("a", "b3"));
    expect((await logs(id, 4)).slice(-2)).toEqual(["a", "b3"]);
    expect(events.some(({ kind }) => kind === "failed")).toBe(false);
  });

  it("comes back to an engine that was away", async () => {
    const id = await start(values("a", "b"), {
      variables: "hidden",
      container: { restart: "always" },
    });
    const { events } = await agentWith(() => values("a4", "b4"));
    await restartEngine(testEngine());
    expect((await logs(id, 4)).slice(-2)).toEqual(["a4", "b4"]);
    expect(events.filter(({ kind }) => kind === "watching").length).toBeGreaterThan(1);
  });

  it("tells a secret that is gone, and tries again at the next start", async () => {
    const id = await start(values("a", "b"), { variables: "hidden" });
    let entries = [secret("A", "a5")];
    const { events } = await agentWith(() => entries);
    await dockerOut(["restart", "-t", "0", id]);
    for (let tries = 0; tries < 50 && !events.some(({ kind }) => kind === "failed"); tries += 1) {
      await sleep(100);
    }
    expect(events.find(({ kind }) => kind === "failed")).toMatchObject({
      error: { code: "SECRET_MISSING" },
    });
    entries = values("a5", "b5");
    await dockerOut(["restart", "-t", "0", id]);
    expect((await logs(id, 4)).slice(-2)).toEqual(["a5", "b5"]);
  });

  it("removes the volumes of a container that is gone", async () => {
    const id = await start(values("a", "b"), { container: { rm: true } });
    const { events } = await agentWith(() => values("a", "b"));
    for (let tries = 0; tries < 50 && events.length === 0; tries += 1) await sleep(100);
    await dockerOut(["rm", "-f", id]);
    const filter = ["--filter", "label=sealmount.role=files"];
    for (let tries = 0; tries < 50; tries += 1) {
      const names = await dockerOut(["volume", "ls", "-q", ...filter]);
      if (names === "") break;
      await sleep(100);
    }
    await expectClean();
  });

  it("RI23: leaves no value on the engine's disk", async () => {
    await using world = await makeWorld();
    const since = await world.write("since", "");
    const needles = [canary("one"), canary("two")];
    const [one = "", two = ""] = needles;
    const command = ["sleep", "300"];
    const id = await start(values(one, one), { variables: "hidden", command });
    const { events } = await agentWith(() => values(two, two));
    await dockerOut(["restart", "-t", "0", id]);
    for (let tries = 0; tries < 50 && !events.some(({ kind }) => kind === "seeded"); tries += 1) {
      await sleep(100);
    }
    const look = { engine: testEngine(), world, container: id, values: needles, since };
    expect(await placesOf(look)).toEqual([]);
  });
});
