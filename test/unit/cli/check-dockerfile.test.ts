import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeWorld, type World } from "../../support/temp.ts";
import { call } from "./in-process.ts";

let world: World;

beforeEach(async () => {
  world = await makeWorld();
  await call(world, ["init", "--app", "cats"]);
  await call(world, ["set", "npm-token", "--build", "--stdin"], { stdin: "some value of it" });
});
afterEach(() => world[Symbol.asyncDispose]());

describe("IT4: check --dockerfile", () => {
  it("refuses one that moves a secret into the image, with file and line", async () => {
    const step = "RUN --mount=type=secret,id=npm-token cp /run/secrets/npm-token /app/key";
    await world.write("Dockerfile", `FROM busybox\nARG NPM_TOKEN\n${step}\n`);
    const ran = await call(world, ["check", "--dockerfile", "Dockerfile"]);
    expect(ran).toMatchObject({ code: 9, stdout: "" });
    expect(ran.stderr).toContain("error: Dockerfile:2: ARG NPM_TOKEN is named as the secret");
    expect(ran.stderr).toContain("error: Dockerfile:3: this step writes the secret npm-token to");
    expect(ran.stderr).toContain("hint: RUN --mount=type=secret,id=npm-token");
    const json = await call(world, ["check", "--json", "--dockerfile", "Dockerfile"]);
    expect(JSON.parse(json.stderr)).toMatchObject({
      error: { code: "POLICY", issues: [{ line: 2 }, { line: 3 }] },
    });
  });

  it("passes one that mounts, and needs no key", async () => {
    const step = "RUN --mount=type=secret,id=npm-token npm ci";
    await world.write("app/Dockerfile.prod", `FROM busybox\n${step}\n`);
    const env = { HOME: world.root, XDG_CONFIG_HOME: `${world.root}/none` };
    const words = ["check", "--dockerfile", "app/Dockerfile.prod"];
    const ran = await call(world, words, { env });
    expect(ran).toMatchObject({ code: 0, stdout: "" });
    expect(ran.stderr).toBe("iterapp.toml is in order\napp/Dockerfile.prod is in order\n");
  });

  it.each([
    [["--dockerfile", "none"], "none can't be read (ENOENT)", "[USAGE]"],
    [["--dockerfile", "."], ". can't be read (EISDIR)", "[USAGE]"],
    [["--dockerfile", "x", "npm-token"], "two checks", "[USAGE_CONFLICT]"],
  ])("%j is wrong usage", async (words, fact, code) => {
    const ran = await call(world, ["check", ...words]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(fact);
    expect(ran.stderr).toContain(code);
  });
});
