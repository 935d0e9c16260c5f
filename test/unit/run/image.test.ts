import { describe, expect, it } from "vitest";

import { Engine } from "../../../src/docker/engine.ts";
import { ensureImage, findImage } from "../../../src/run/image.ts";
import { readImageName } from "../../../src/run/image-name.ts";
import type { ContainerOptions } from "../../../src/run/options.ts";
import { planRun } from "../../../src/run/plan.ts";
import { failureOf } from "../../support/failure.ts";
import { fakeEngine } from "../session/fake-engine.ts";

const ID = `sha256:${"0".repeat(64)}`;

/** Ensures an image on an engine that has what `has` says, and pulls what `pulls` says. */
async function ensure(o: {
  readonly image?: string;
  readonly container?: ContainerOptions;
  readonly api?: string;
  readonly has?: object | null;
  readonly pulls?: object | null;
}): Promise<{ readonly seen: readonly string[]; readonly outcome: Promise<unknown> }> {
  let { has = null } = o;
  await using fake = await fakeEngine({
    version: { ApiVersion: o.api ?? "1.45" },
    handle: (request, response) => {
      if (request.method === "POST") {
        has = o.pulls ?? null;
        response.end("");
      } else if (has === null) {
        response.writeHead(404).end('{"message":"No such image: cats"}');
      } else response.end(JSON.stringify(has));
    },
  });
  const asked = { image: o.image ?? "cats", container: o.container ?? {}, env: {} };
  const engine = await Engine.connect(fake.endpoint);
  const io = { stdout: process.stdout, stderr: process.stderr };
  const context = { options: { ...asked, engine, cwd: "/", io }, plan: planRun(asked) };
  const outcome = findImage(context).then(async (found) => ensureImage(context, found));
  await outcome.catch(() => undefined);
  return { outcome, seen: fake.seen.slice(2).map((line) => line.replace(/\/v1\.\d+/, "")) };
}

const AMD64 = { Id: ID, Os: "linux", Architecture: "amd64" };
const ARM64 = { Id: ID, Os: "linux", Architecture: "arm64" };
const LOOK = "GET /images/cats/json";
const PULL = "POST /images/create?fromImage=docker.io%2Flibrary%2Fcats&tag=latest";
const FOR_ARM = "&platform=linux%2Farm64";
const LOOK_FOR_ARM = `${LOOK}?platform=${encodeURIComponent('{"os":"linux","architecture":"arm64"}')}`;
const arm = { platform: "linux/arm64" };

describe("what is asked of the engine", () => {
  it.each<[string, Parameters<typeof ensure>[0], readonly string[]]>([
    ["there", { has: AMD64 }, [LOOK]],
    ["missing", { pulls: AMD64 }, [LOOK, PULL, LOOK]],
    ["always", { has: AMD64, pulls: AMD64, container: { pull: "always" } }, [PULL, LOOK]],
    ["never, there", { has: AMD64, container: { pull: "never" } }, [LOOK]],
    [
      "an id is not pulled",
      { image: ID, has: AMD64, container: { pull: "always" } },
      [`GET /images/${encodeURIComponent(ID)}/json`],
    ],
    ["there for the platform", { has: ARM64, container: arm }, [LOOK]],
    [
      "there for another",
      { has: AMD64, pulls: ARM64, container: arm },
      [LOOK, PULL + FOR_ARM, LOOK],
    ],
    [
      "an engine that knows it itself",
      { has: AMD64, container: arm, api: "1.49" },
      [LOOK_FOR_ARM, LOOK],
    ],
  ])("%s", async (_what, o, seen) => {
    const ensured = await ensure(o);
    expect(await ensured.outcome).toMatchObject({ Id: ID });
    expect(ensured.seen).toEqual(seen);
  });
});

it.each<[string, Parameters<typeof ensure>[0], RegExp]>([
  ["never", { container: { pull: "never" } }, /^image cats is not on the engine$/],
  [
    "never, for another platform",
    { has: AMD64, container: { ...arm, pull: "never" } },
    /engine for linux\/arm64$/,
  ],
  ["an id", { image: ID }, /is not on the engine$/],
  [
    "pulled, but for another platform",
    { pulls: AMD64, container: arm },
    /is pulled, but not for linux\/arm64$/,
  ],
  ["pulled, and gone", { pulls: null }, /not on the engine$/],
])("IMAGE_MISSING: %s", async (_what, o, message) => {
  const failure = await failureOf((await ensure(o)).outcome);
  expect(failure.code).toBe("IMAGE_MISSING");
  expect(failure.message).toMatch(message);
});

describe("names", () => {
  it.each(["Cats", "cats:", "a b", "", "ghcr.io/Cats/api"])(
    "%j is none, and not quoted",
    (text) => {
      expect(() => readImageName(text)).toThrow("IMAGE is no name of an image");
      expect(() => planRun({ image: text, env: {} })).toThrow("IMAGE is no name of an image");
    },
  );

  it("upper case is told as such", () => {
    expect(() => readImageName("Cats")).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("lower case") as unknown }),
    );
  });
});
