import { mkdtemp, cp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerCli, dockerOut } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { type NpmRegistry, startNpmRegistry } from "../support/npm-registry.ts";

const CATS = join(import.meta.dirname, "..", "..", "examples", "cats");

describe("the private npm registry, with docker's own build of examples/cats", () => {
  const token = canary("npm").replaceAll(/[^\w-]/g, "");
  const image = `smtest-registry-${process.pid}`;
  let registry: NpmRegistry;
  let folder: string;

  beforeAll(async () => {
    registry = await startNpmRegistry(token);
    folder = await mkdtemp(join(tmpdir(), "smtest-cats-"));
    await cp(CATS, folder, { recursive: true });
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
    await dockerCli(["rmi", "-f", image]);
  });

  it("refuses a request without the token", async () => {
    const url = `${registry.url}/@acme%2fwidget`;
    expect((await fetch(url)).status).toBe(401);
    expect((await fetch(url, { headers: { authorization: "Bearer no" } })).status).toBe(401);
  });

  it("fails the build when the secret is missing or wrong", async () => {
    await writeFile(
      join(folder, "..", `${image}.npmrc`),
      registry.npmrc.replace(/=[^=]*\n$/, "=no\n"),
    );
    const missing = await build([]);
    expect(missing.code).not.toBe(0);
    const wrong = await build(["--secret", `id=npmrc,src=${join(folder, "..", `${image}.npmrc`)}`]);
    await rm(join(folder, "..", `${image}.npmrc`));
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr).toMatch(/E401|401 Unauthorized/);
  });

  it("IT13: lets npm ci in by a secret mount, and the history has no trace of the token", async () => {
    const npmrc = join(folder, "..", `${image}.npmrc`);
    await writeFile(npmrc, registry.npmrc);
    const built = await build(["--secret", `id=npmrc,src=${npmrc}`]);
    await rm(npmrc);
    expect(built).toMatchObject({ code: 0 });
    const history = await dockerOut(["history", "--no-trunc", image]);
    expect(leaksIn(history, [token])).toEqual([]);
    const printed = await dockerOut(["run", "--rm", image, "node", "server.js", "--print"]);
    expect(printed).toBe("API_KEY (environment): missing\ngcp.json (file): missing");
  });

  async function build(args: readonly string[]): ReturnType<typeof dockerCli> {
    const fixed = ["build", "--network=host", "--no-cache", "-t", image];
    return dockerCli([...fixed, ...args, "."], { cwd: folder });
  }
});
