import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canary } from "../../support/canary.ts";
import { makeWorld, type World } from "../../support/temp.ts";
import { ociArchive, ociMembers, tar } from "../verify/archives.ts";
import { call, type Called, type CallOptions } from "./in-process.ts";

let world: World;
let value: string;

beforeEach(async () => {
  world = await makeWorld();
  value = canary();
  await call(world, ["init", "--app", "cats"]);
  await call(world, ["set", "KEY", "--env", "prod", "--stdin"], { stdin: value });
});
afterEach(() => world[Symbol.asyncDispose]());

/** Output of `sealmount verify`, which never has the value in it. */
async function verify(args: readonly string[], options?: CallOptions): Promise<Called> {
  const called = await call(world, ["verify", "--env", "prod", ...args], options);
  expect((called.stdout + called.stderr).includes(value)).toBe(false);
  return called;
}

describe("what verify can search without an engine", () => {
  it("archives in files, by stdin, and compressed; folders; merged files", async () => {
    const layers = [{ leak: value }];
    const archive = await ociArchive({ layers });
    await world.write("cats.tar", archive);
    await world.write("plain", gzipSync(archive));
    for (const [name, bytes] of Object.entries(await ociMembers({ layers }))) {
      await world.write(`layout/${name}`, bytes);
    }
    for (const args of [
      ["cats.tar"],
      ["./plain"],
      ["docker-archive:plain"],
      ["oci-archive:cats.tar"],
      ["oci:layout"],
      ["./layout"],
    ]) {
      const called = await verify(args);
      expect([args, called.code]).toEqual([args, 8]);
      expect(called.stdout).toContain("leak: prod/KEY in 1 place");
      expect(called.stdout).toContain(`${args[0]}: LEAK, 1 place`);
    }
    expect(await verify(["-"], { stdin: archive })).toMatchObject({ code: 8 });
    const exported = await verify(["-"], { stdin: await tar({ "etc/motd": "hello" }) });
    expect(exported.code).toBe(0);
    expect(exported.stdout).toContain("standard input: clean in its merged files, no more;");
    const json = await verify(["--json", "-"], { stdin: await tar({ "etc/motd": "hello" }) });
    expect(JSON.parse(json.stdout)).toMatchObject({ partial: "its merged files" });
  });

  it("RI18: secrets whose key is not here are named, and no proof with --strict", async () => {
    await world.write("cats.tar", await ociArchive({ layers: [{ a: "1" }] }));
    const dev = (await call(world, ["key", "new", "--app", "another"])).stdout.trim();
    const path = join(world.cwd, "iterapp.toml");
    const manifest = await readFile(path, "utf8");
    await writeFile(path, manifest.replace("[env.common]", `[seal.keys]\ndev = "${dev}"\n\n$&`));
    await call(world, ["set", "KEY", "--env", "dev", "--stdin"], { stdin: canary() });
    const lax = await call(world, ["verify", "cats.tar"]);
    expect(lax.code).toBe(0);
    expect(lax.stdout).toContain("unproved: dev/*: not looked for: its key is not here");
    const strict = await call(world, ["verify", "--strict", "cats.tar"]);
    expect(strict.code).toBe(9);
    expect(strict.stderr).toContain("dev/* (not looked for: its key is not here) [UNPROVED]");
    expect(await verify(["--strict", "cats.tar"])).toMatchObject({ code: 0 });
  });

  it("RI18: an environment that the manifest does not have is told", async () => {
    await world.write("cats.tar", await ociArchive({ layers: [{ a: "1" }] }));
    const slip = await call(world, ["verify", "--env", "prdo", "cats.tar"]);
    expect(slip.stderr).toContain(
      "the manifest has no [env.prdo]: for it, what is common is looked",
    );
    expect((await verify(["cats.tar"])).stderr).not.toContain("the manifest has no");
  });

  it("RI18: a manifest without secrets proves nothing", async () => {
    await using empty = await makeWorld();
    await call(empty, ["init", "--app", "dogs"]);
    await empty.write("cats.tar", await ociArchive({ layers: [{ a: "1" }] }));
    const lax = await call(empty, ["verify", "cats.tar"]);
    expect(lax).toMatchObject({ code: 0 });
    expect(lax.stdout).toContain("cats.tar: NOT PROVED, there was no secret to look for;");
    const strict = await call(empty, ["verify", "--strict", "cats.tar"]);
    expect(strict).toMatchObject({ code: 9 });
    expect(strict.stderr).toContain("[UNPROVED]");
  });

  it("for a platform, the others are named", async () => {
    await world.write(
      "cats.tar",
      await ociArchive({ layers: [{ a: "1" }], architecture: "arm64" }),
    );
    const called = await verify(["--platform", "linux/amd64", "cats.tar"]);
    expect(called.code).toBe(6);
    expect(called.stdout).toContain("not here: linux/arm64 (not asked for)");
    expect(await verify(["--platform", "arm64", "cats.tar"])).toMatchObject({ code: 0 });
  });

  it.each([
    [[], 2, "USAGE"],
    [["cats", "--container", "web"], 2, "USAGE"],
    [["cats", "--with-image"], 2, "USAGE_CONFLICT"],
    [["--container", "web", "--platform", "linux/arm64"], 2, "USAGE_CONFLICT"],
    [["cats.tar", "--platform", "a/b/c/d"], 2, "USAGE"],
    [["cats.tar", "--plain-http"], 2, "USAGE_CONFLICT"],
    [["cats", "--plain-http"], 2, "USAGE_CONFLICT"],
    [["cats.tar", "--route", "save"], 2, "USAGE_CONFLICT"],
    [["--container", "web", "--build-history"], 2, "USAGE_CONFLICT"],
    [["docker://host.example/No"], 2, "USAGE"],
    [["no.tar"], 6, "IMAGE_MISSING"],
    [["."], 6, "IMAGE_MISSING"],
    [["docker-archive:."], 6, "IMAGE_UNREADABLE"],
    [["docker://127.0.0.1:1/cats"], 6, "REGISTRY_UNREACHABLE"],
    [["--container", "web", "-H", "unix:///nowhere.sock"], 6, "DOCKER_UNREACHABLE"],
    [["docker-daemon:cats", "-H", "unix:///nowhere.sock"], 6, "DOCKER_UNREACHABLE"],
  ])("%j is exit %i, %s", async (args, code, name) => {
    const called = await verify(["--json", ...args]);
    expect(called.code).toBe(code);
    expect(JSON.parse(called.stderr.trim().split("\n").at(-1) ?? "")).toMatchObject({
      error: { code: name },
    });
  });
});
