import { beforeEach, expect, it } from "vitest";

import { Mask } from "../../src/mask/mask.ts";
import { Secret } from "../../src/secret/secret.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { rsaKeyPair } from "../support/key-pair.ts";
import type { World } from "../support/temp.ts";
import { attempt, built, dockerfile, secretsOf, worldWithImage } from "./build-harness.ts";

const TAG = `smtest-opened-${process.pid}`;
const MOUNT = "RUN --mount=type=secret,id=token";

let world: World;
beforeEach(async () => {
  world = await worldWithImage(TAG);
});

it("each opening for the engine is one event; what is opened to mask is none", async () => {
  const secrets = secretsOf({ token: canary(), other: canary() });
  await dockerfile(
    world,
    `${MOUNT} echo one`,
    `${MOUNT} echo two`,
    "RUN --mount=type=secret,id=absent --mount=type=secret,id=other true",
  );
  const from = Date.now();
  const { events, result } = await built(world, { tags: [TAG], secrets });
  const opened = events.filter((event) => event.kind === "opened");
  expect(opened.map(({ secret }) => secret).toSorted()).toEqual(["other", "token", "token"]);
  for (const { at } of opened) expect(at).toBeGreaterThanOrEqual(from);
  expect(Object.fromEntries(result.opened)).toEqual({ token: 2, other: 1 });
  const again = await built(world, { tags: [TAG], secrets, noCache: false });
  expect(again.events.filter(({ kind }) => kind === "opened")).toEqual([]);
});

it("a private key that is printed line by line is masked, and so is a value in two pieces", async () => {
  const { privateKey } = rsaKeyPair();
  const value = canary("piece").replaceAll(/[^\w-]/g, "x");
  const lines = `first-${canary("a")}\nsecond-${canary("b")}`.replaceAll(/[^\w\n-]/g, "x");
  const values = { token: privateKey, value, lines };
  const mask = new Mask(
    Object.entries(values).map(([id, text]) => Secret.take(id, Buffer.from(text))),
  );
  await dockerfile(
    world,
    // a message for each line: BuildKit sends what has come every 100 ms or so
    `${MOUNT} while read -r line; do echo "  $line"; sleep 0.05; done < /run/secrets/token`,
    "RUN --mount=type=secret,id=value head -c 12 /run/secrets/value && sleep 0.5 && tail -c +13 /run/secrets/value && echo",
    "RUN --mount=type=secret,id=lines head -n 1 /run/secrets/lines && sleep 0.5 && tail -n 1 /run/secrets/lines && echo",
  );
  const made = await attempt(world, {
    tags: [TAG],
    secrets: secretsOf(values),
    mask: (text) => mask.text(text),
  });
  expect(made.error).toBeNull();
  const logs = made.events.filter((event) => event.kind === "log");
  // more than one message, or nothing would be shown
  expect(logs.length).toBeGreaterThan(10);
  const body = privateKey.trim().split("\n").slice(1, -1);
  const hidden = [...body.filter((line) => line.length >= 8), value, ...lines.split("\n")];
  expect(hidden.filter((text) => made.log.includes(text))).toEqual([]);
  expect(leaksIn(made.log, [value])).toEqual([]);
  expect(made.log.match(/^ {2}\*\*\*$/gm)?.length).toBeGreaterThanOrEqual(body.length - 1);
});
