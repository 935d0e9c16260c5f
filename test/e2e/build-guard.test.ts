import { beforeEach, describe, expect, it } from "vitest";

import { Engine } from "../../src/docker/engine.ts";
import { Secret } from "../../src/secret/secret.ts";
import { canary, leaksIn } from "../support/canary.ts";
import type { World } from "../support/temp.ts";
import { fakeEngine } from "../unit/session/fake-engine.ts";
import { attempt, dockerfile, worldWithImage } from "./build-harness.ts";

const TAG = `smtest-guard-${process.pid}`;

let world: World;
let value: string;
beforeEach(async () => {
  world = await worldWithImage(TAG);
  value = canary("plain");
  await dockerfile(world, "COPY . /app");
});

/** A build that looks for the value. */
function guarded(allowPlaintext = false): NonNullable<Parameters<typeof attempt>[1]> {
  const secrets = [Secret.take("prod/API_KEY", Buffer.from(value))];
  return { tags: [TAG], guard: { secrets, allowPlaintext } };
}

describe("plaintext that is about to travel", () => {
  it("is refused with every place, before the engine is asked for anything", async () => {
    await using fake = await fakeEngine();
    const engine = await Engine.connect(fake.endpoint);
    await world.write("src/config.js", `// a\nconst key = '${value}';\n`);
    await world.write("ignored.js", value);
    await world.write(".dockerignore", "ignored.js\n");
    await dockerfile(world, `ENV KEY='${value}'`, "COPY . /app");
    const { error } = await attempt(world, {
      ...guarded(),
      engine,
      buildArgs: [`TOKEN=${value}`],
      labels: [`note=${Buffer.from(value).toString("base64")}`],
    });
    expect(error).toMatchObject({ code: "POLICY", exitCode: 9 });
    const { issues } = error as { issues: readonly { place: object; hint: string }[] };
    expect(issues.map(({ place }) => place)).toEqual([
      { key: "--build-arg TOKEN" },
      { key: "--label note" },
      { file: "Dockerfile", line: 2 },
      { file: "Dockerfile", line: 2 },
      { file: "src/config.js", line: 2 },
    ]);
    for (const { hint } of issues) expect(hint).toContain("--allow-plaintext");
    expect(leaksIn(JSON.stringify([error, String(error)]), [value])).toEqual([]);
    expect(fake.seen.filter((line) => !/_ping|version$/.test(line))).toEqual([]);
  });

  it("travels when that is allowed, with a warning", async () => {
    await world.write("config.js", value);
    const { error, result } = await attempt(world, guarded(true));
    expect(error).toBeNull();
    expect(result?.warnings).toEqual([expect.stringContaining("TRAVELS IN PLAIN")]);
    expect(leaksIn(JSON.stringify(result), [value])).toEqual([]);
  });

  it("is no matter of names: a clean context builds without a word", async () => {
    await world.write("API_KEY.js", "export const API_KEY = process.env.API_KEY;\n");
    const { error, result } = await attempt(world, guarded());
    expect([error, result?.warnings]).toEqual([null, []]);
  });
});
