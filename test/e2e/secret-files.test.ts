/** RI25: what `[[secret_files]]` can make of secrets, in a container. */
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { dockerCli, engineHost } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sealmount, sealmountOut } from "../support/cli.ts";
import type { Ran } from "../support/process.ts";
import { makeWorld } from "../support/temp.ts";
import { inside, KINDS } from "./live-harness.ts";
import { ENV, expectClean } from "./run-harness.ts";
import { APP_IMAGE, buildImages, removeImages } from "./run-image.ts";

beforeAll(buildImages);
afterAll(removeImages);
afterEach(expectClean);

const SECRET_FILES = `
[[secret_files]]
mount_path = "/cats/whole/"
secret = "ns-secret"
mode = "0444"
[[secret_files]]
mount_path = "/cats/db/pw.txt"
secret = "db"
key = "password"
owner = "app"
mode = "0400"
[[secret_files]]
mount_path = "/cats/names/"
names = ["API_KEY", "tls.key"]
owner = "other:readers"
mode = "0440"
[[secret_files]]
mount_path = "/cats/url"
template = "pg://cats:\${API_KEY}@db/$\${API_KEY}?a=$5\\n"
owner = "1300:3456"
`;

interface App {
  run(args: readonly string[], stdin?: string): Promise<Ran>;
}

/** An app with that manifest, and a cluster that has the two secrets. */
async function filesApp(cluster: Readonly<Record<string, Record<string, Buffer>>>): Promise<App> {
  const world = await makeWorld();
  onTestFinished(async () => world[Symbol.asyncDispose]());
  for (const [name, values] of Object.entries(cluster)) {
    const data = Object.entries(values).map(([key, value]) => [key, value.toString("base64")]);
    const json = JSON.stringify({ kind: "Secret", data: Object.fromEntries(data) });
    await world.write(`bin/${name}.json`, json);
  }
  await world.write("bin/kubectl", '#!/bin/sh\nexec cat "${0%/*}/$3.json"\n', 0o755);
  const PATH = `${join(world.cwd, "bin")}:${world.env["PATH"]}`;
  const at = { cwd: world.cwd, env: { ...world.env, ...ENV, PATH, DOCKER_HOST: engineHost() } };
  await sealmountOut(["init", "--app", "cats"], at);
  const manifest = join(world.cwd, "iterapp.toml");
  await writeFile(manifest, (await readFile(manifest, "utf8")) + SECRET_FILES);
  return { run: async (args, stdin) => sealmount(args, { ...at, stdin: stdin ?? "" }) };
}

/** A file as the container has it: content in base64, owner, mode, kind of file system. */
async function fileIn(container: string, path: string): Promise<readonly string[]> {
  const script = 'base64 "$1" | tr -d "\\n"; stat -c " %u:%g %a" "$1"; stat -f -c %T "$1"';
  const shown = await inside(container, "sh", "-c", script, "sh", path);
  return shown.trim().split(/\s+/);
}

describe.each(KINDS)("[[secret_files]] by %s", (kind) => {
  it("RI25: a whole secret, one key, many names and a template; refresh renders it anew", async () => {
    const [apiKey, rotated] = [canary("api"), canary("rotated")];
    const binary = randomBytes(300);
    const password = Buffer.from(`${canary("password")}\r\n`);
    const tls = `${canary("tls")}\n\n`;
    const app = await filesApp({
      "ns-secret": { a: binary, "b.txt": Buffer.from("") },
      db: { password, unused: Buffer.from(canary("unused")) },
    });
    const secrets = [apiKey, rotated, password.toString().trim(), tls.trim()];
    const say = async (exit: number, ...args: string[]): Promise<string> => {
      const ran = await app.run(args);
      expect(leaksIn(ran.bytes, secrets)).toEqual([]);
      expect([ran.code, ran.code === exit ? "" : ran.stderr]).toEqual([exit, ""]);
      return ran.stdout;
    };
    expect((await app.run(["set", "API_KEY", "--stdin"], apiKey)).code).toBe(0);
    // what no variable could be called, and not set yet: nothing starts
    const name = `smtest-files-${process.pid}-${kind}`;
    const run = ["run", "-d", "--name", name, "--delivery", kind, "--user", "0", "--env", "prod"];
    const command = [APP_IMAGE, "sleep", "300"];
    const missing = await app.run([...run, ...command]);
    expect(missing).toMatchObject({ code: 3, stderr: expect.stringContaining("[SECRET_MISSING]") });
    await say(3, "check");
    expect((await app.run(["set", "tls.key", "--stdin"], tls)).code).toBe(0);
    await say(0, "check");

    const plan = await say(0, "run", "--dry-run", "--env", "prod", ...command);
    for (const path of ["/cats/db/pw.txt", "/cats/names/tls.key", "/cats/url"]) {
      expect(plan).toContain(`"${path}"`);
    }
    onTestFinished(async () => void (await dockerCli(["rm", "-fv", name])));
    await say(0, ...run, ...command);
    const url = (key: string): string => `pg://cats:${key}@db/\${API_KEY}?a=$5\n`;
    const expected: Readonly<Record<string, readonly [Buffer, string, string]>> = {
      "/cats/whole/a": [binary, "0:0", "444"],
      "/cats/whole/b.txt": [Buffer.from(""), "0:0", "444"],
      "/cats/db/pw.txt": [password, "1234:2345", "400"],
      "/cats/names/API_KEY": [Buffer.from(apiKey), "1300:3456", "440"],
      "/cats/names/tls.key": [Buffer.from(tls), "1300:3456", "440"],
      "/cats/url": [Buffer.from(url(apiKey)), "1300:3456", "600"],
    };
    for (const [path, [content, owner, mode]] of Object.entries(expected)) {
      const base64 = content.length === 0 ? [] : [content.toString("base64")];
      const isRight =
        JSON.stringify(await fileIn(name, path)) ===
        JSON.stringify([...base64, owner, mode, "tmpfs"]);
      // the values themselves stay out of a failure's message
      expect([path, isRight]).toEqual([path, true]);
    }
    const write = 'for f in "$@"; do (echo x >> "$f") 2>/dev/null && echo "$f"; done; true';
    expect(await inside(name, "sh", "-c", write, "sh", ...Object.keys(expected))).toBe("");
    const list = "find /cats -name '..*' -prune -o ! -type d -print | sort";
    const found = (await inside(name, "sh", "-c", list)).trim().split("\n");
    expect(found).toEqual(Object.keys(expected).toSorted());
    // in place of variables, and what is not listed is nowhere
    expect((await inside(name, "env")).includes("API_KEY")).toBe(false);

    expect((await app.run(["set", "API_KEY", "--stdin"], rotated)).code).toBe(0);
    const stale = JSON.parse(await say(9, "ps", "--stale", "--json")) as unknown;
    expect(JSON.stringify(stale)).toContain("/cats/url");
    await say(0, "refresh", name);
    const now = await inside(name, "cat", "/cats/url", "/cats/names/API_KEY");
    expect(now === `${url(rotated)}${rotated}`.trim()).toBe(true);
    await say(0, "ps", "--stale");
    await say(0, "down", "--timeout", "0", name);
  });
});

it("RI25: exec gives the program paths of the same files", async () => {
  const app = await filesApp({ "ns-secret": { a: Buffer.from("purr") }, db: {} });
  expect((await app.run(["set", "API_KEY", "--stdin"], "meow")).code).toBe(0);
  const only = ["--only", "API_KEY", "--only", "/cats/url", "--only", "ns-secret"];
  const script =
    'cat "$ns_secret_a_FILE" "$API_KEY_FILE" "$_cats_url_FILE"; [ -z "${API_KEY+x}" ] && echo none';
  const ran = await app.run(["exec", "--no-mask", ...only, "--", "sh", "-c", script]);
  expect(ran).toMatchObject({
    code: 0,
    stdout: "purrmeowpg://cats:meow@db/${API_KEY}?a=$5\nnone\n",
  });
});
