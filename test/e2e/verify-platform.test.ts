/** `verify --platform` for images of the engine. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Platform, parsePlatform } from "../../src/docker/platform.ts";
import { Secret } from "../../src/secret/secret.ts";
import { type RouteName, verdictOf, type VerifyReport } from "../../src/verify/model.ts";
import { engineImage } from "../../src/verify/sources/engine.ts";
import { verify } from "../../src/verify/verify.ts";
import { dockerCli, dockerOut, testEngine } from "../engine/current.ts";
import { makeWorld } from "../support/temp.ts";
import { theEngine } from "./build-harness.ts";

const RUN = `smtest-platform-${process.pid}`;
const ONE = `${RUN}-one:1`;
const TWO = `${RUN}-two:1`;
const VALUE = `token-${randomBytes(12).toString("hex")}`;

const isContainerd = testEngine().variant.endsWith("-containerd");

async function search(
  image: string,
  platform: Platform | undefined,
  route?: RouteName,
): Promise<VerifyReport> {
  const secrets = [Secret.take("TOKEN", Buffer.from(VALUE))];
  return verify(engineImage(await theEngine(), image, { platform, route }), secrets).report();
}

function platformOf(text: string): Platform {
  const found = parsePlatform(text, { os: "linux", arch: "amd64" });
  if (found === null) throw new Error("no platform");
  return found;
}

beforeAll(async () => {
  await using world = await makeWorld();
  await world.write("key-arm64", VALUE);
  await world.write("key-amd64", "nothing");
  await world.write("one.Dockerfile", `FROM busybox:local\nCOPY key-arm64 /key\n`);
  await world.write("two.Dockerfile", "FROM scratch\nARG TARGETARCH\nCOPY key-$TARGETARCH /key\n");
  const build = (name: string, ...flags: string[]): string[] => {
    return [
      "build",
      "-q",
      "-t",
      name,
      "-f",
      `${name.includes("one") ? "one" : "two"}.Dockerfile`,
      ...flags,
      ".",
    ];
  };
  await dockerOut(build(ONE), { cwd: world.cwd });
  if (!isContainerd) return;
  const platforms = ["--platform", "linux/amd64,linux/arm64"];
  await dockerOut(build(TWO, ...platforms), { cwd: world.cwd });
});

afterAll(async () => {
  await dockerCli(["rmi", "-f", ONE, ...(isContainerd ? [TWO] : [])]);
});

describe("an image for one platform", () => {
  it.each<RouteName | undefined>([undefined, "save", "push"])(
    "is searched when it is that one: %s",
    async (route) => {
      const { arch } = (await theEngine()).version;
      const all = await search(ONE, undefined, route);
      expect(verdictOf(all)).toBe("leak");
      expect(await search(ONE, platformOf(`linux/${arch}`), route)).toEqual(all);
    },
  );

  it("is refused when it is not, with what it is for", async () => {
    const { arch } = (await theEngine()).version;
    await expect(search(ONE, platformOf("linux/s390x"))).rejects.toMatchObject({
      code: "IMAGE_MISSING",
      message: `the engine has ${ONE} for linux/${arch}, not for linux/s390x`,
      hint: expect.stringContaining("--platform linux/s390x"),
    });
  });

  it("that is not there is not there for any", async () => {
    await expect(search(`${RUN}-none`, platformOf("linux/amd64"))).rejects.toMatchObject({
      code: "IMAGE_MISSING",
      message: `the engine has no image ${RUN}-none`,
    });
  });
});

describe.runIf(isContainerd)("an image for two platforms in containerd's store", () => {
  it("is searched for the one that is asked for, and the other is named", async () => {
    expect(verdictOf(await search(TWO, undefined))).toBe("leak");
    const amd64 = await search(TWO, platformOf("linux/amd64"));
    expect(verdictOf(amd64)).toBe("clean");
    expect(amd64).toMatchObject({
      absent: ["linux/arm64 (not asked for)"],
      unseen: [],
      route: { name: "content" },
    });
    const arm64 = await search(TWO, platformOf("linux/arm64"));
    expect(arm64.findings).toMatchObject([{ where: "layer", path: "/key" }]);
    expect(arm64.absent).toEqual(["linux/amd64 (not asked for)"]);
  });

  it("is refused for a third", async () => {
    await expect(search(TWO, platformOf("linux/s390x"))).rejects.toMatchObject({
      code: "IMAGE_MISSING",
    });
  });

  it("is sent whole by save, so that nothing in it is kept quiet", async () => {
    const saved = await search(TWO, platformOf("linux/amd64"), "save");
    expect(saved.absent).toEqual(["linux/arm64 (not asked for)"]);
    expect(saved.layers).toHaveLength(1);
    expect(saved.unseen).toEqual([]);
    expect(verdictOf(saved)).toBe("leak");
  });
});
