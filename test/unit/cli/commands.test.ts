import { createServer } from "node:net";
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canary, leaksIn } from "../../support/canary.ts";
import { makeWorld, type World } from "../../support/temp.ts";
import { call, type Called, type CallOptions } from "./in-process.ts";

let world: World;
/** Everything that any call of a test wrote. */
let written: string;

beforeEach(async () => {
  world = await makeWorld();
  written = "";
});
afterEach(() => world[Symbol.asyncDispose]());

async function run(argv: readonly string[], options?: CallOptions): Promise<Called> {
  const ran = await call(world, argv, options);
  written += ran.stdout + ran.stderr;
  return ran;
}

/** Runs a command that must succeed. */
async function ok(argv: readonly string[], options?: CallOptions): Promise<Called> {
  const ran = await run(argv, options);
  if (ran.code !== 0) throw new Error(`${argv.join(" ")}: ${ran.stderr}`);
  return ran;
}

const manifest = (): Promise<string> => readFile(join(world.cwd, "iterapp.toml"), "utf8");
const keyFile = (): string => join(world.home, ".config", "sealmount", "keys", "cats.key");

describe("init and key", () => {
  it("init makes manifest, key and ignore lines, and prints the public key; twice changes nothing", async () => {
    const { stdout } = await ok(["init", "--app", "cats"]);
    expect(stdout).toMatch(/^smp1_[\w-]{43}\n$/);
    const before = await manifest();
    expect(before).toContain(`public_key = "${stdout.trim()}"`);
    expect(await readFile(join(world.cwd, ".gitignore"), "utf8")).toContain("*.key");
    expect((await ok(["init"])).stdout).toBe(stdout);
    expect(await manifest()).toBe(before);
  });

  it("init takes the public key of somebody else and then makes no key", async () => {
    const { stdout } = await ok(["key", "new", "--app", "other"]);
    await ok(["init", "--app", "cats", "--public-key", stdout.trim()]);
    await expect(stat(keyFile())).rejects.toThrow("ENOENT");
  });

  it("RI3: key new writes 0600 in a 0700 folder and prints the public half only", async () => {
    const { stdout } = await ok(["key", "new", "--app", "cats"]);
    expect(stdout).toMatch(/^smp1_[\w-]{43}\n$/);
    expect((await stat(keyFile())).mode & 0o777).toBe(0o600);
    expect((await stat(join(keyFile(), ".."))).mode & 0o777).toBe(0o700);
    expect(written).not.toContain("smk1_");
    expect(await run(["key", "new", "--app", "cats"])).toMatchObject({ code: 9 });
  });

  it("key ls, export and import carry a key to another home", async () => {
    const { stdout: publicKey } = await ok(["key", "new", "--app", "cats"]);
    const listed = await ok(["key", "ls", "--json"]);
    expect(JSON.parse(listed.stdout)).toMatchObject([{ app: "cats", publicKey: publicKey.trim() }]);
    const exported = await call(world, ["key", "export", "--app", "cats"]);
    expect(exported.stdout).toMatch(/^smk1_[\w-]{43}\n$/);
    await rm(keyFile());
    await ok(["key", "import", "--app", "cats", "--stdin"], { stdin: exported.stdout });
    expect((await ok(["key", "ls"])).stdout).toContain(publicKey.trim());
    expect(written).not.toContain("smk1_");
    expect(leaksIn(written, [exported.stdout.trim()])).toEqual([]);
  });

  it("key commands without a manifest ask for --app", async () => {
    expect(await run(["key", "new"])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("name the app with --app"),
    });
  });
});

describe("set, ls, check, rm", () => {
  beforeEach(async () => {
    await ok(["init", "--app", "cats"]);
  });

  it("IX2, IX3, IX5, RI5: set --stdin seals a value; the same again changes that line only", async () => {
    const [first, second] = [canary("first"), canary("second")];
    await ok(["set", "GH_TOKEN", "--env", "prod", "--stdin"], { stdin: first });
    const before = (await manifest()).split("\n");
    await ok(["set", "GH_TOKEN", "--env", "prod", "--stdin"], { stdin: second });
    const after = (await manifest()).split("\n");
    expect(after).toHaveLength(before.length);
    expect(after.filter((line, i) => line !== before[i])).toEqual([
      expect.stringMatching(/^GH_TOKEN = \{ encrypted = "[\w-]+" \}$/),
    ]);
    expect(leaksIn((await manifest()) + written, [first, second])).toEqual([]);
    const value = await ok(["exec", "--no-mask", "--env", "prod", "--", "true"]);
    expect(value.code).toBe(0);
  });

  it.each([
    ["every byte", [], "line 1\nline 2\n", "line 1\nline 2\n"],
    ["all but one newline with --trim", ["--trim"], "value\n\n", "value\n"],
    ["a CRLF as one newline with --trim", ["--trim"], "value\r\n", "value"],
  ])("IX6: --value-file and --stdin keep %s", async (_what, flags, content, value) => {
    await world.write("value.txt", content);
    await ok(["set", "FROM_FILE", "--value-file", "value.txt", ...flags]);
    await ok(["set", "FROM_STDIN", "--stdin", ...flags], { stdin: content });
    const script = 'printf %s "$FROM_FILE" > file; printf %s "$FROM_STDIN" > stdin';
    await ok(["exec", "--", "sh", "-c", script]);
    expect(await readFile(join(world.cwd, "file"), "utf8")).toBe(value);
    expect(await readFile(join(world.cwd, "stdin"), "utf8")).toBe(value);
  });

  it("says that a final newline is kept, and refuses an empty value", async () => {
    expect((await ok(["set", "A", "--stdin"], { stdin: "a value\n" })).stderr).toContain("--trim");
    expect(await run(["set", "A", "--stdin"], { stdin: "" })).toMatchObject({ code: 2 });
    expect(await run(["set", "A", "--stdin", "--trim"], { stdin: "\n" })).toMatchObject({
      code: 2,
    });
  });

  it("never names the path of a value file that can't be read: it may be the value", async () => {
    const value = canary();
    const ran = await run(["set", "A", "--value-file", value]);
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining("ENOENT") });
    expect(leaksIn(written, [value])).toEqual([]);
  });

  it.each([
    [["set", "A"], "USAGE_NO_TERMINAL", /--stdin, --value-file PATH/],
    [["set", "A", "--stdin", "--value-file", "x"], "USAGE_CONFLICT", /give one/],
    [["set", "A", "--env", "prod", "--build", "--stdin"], "USAGE_CONFLICT", /give one/],
    [["set", "A", "--env", "build", "--stdin"], "USAGE", /--build/],
    [["set", "not a name", "--stdin"], "USAGE", /sealmount set NAME/],
    [["set", "1A", "--stdin"], "USAGE", /hint/],
    [["set", "A", "--stdin", "--file", "/k", "--mode", "9"], "USAGE", /0440/],
    [["rm", "A", "--env", "prod", "--common"], "USAGE_CONFLICT", /give one/],
  ])("%j is refused as %s", async (argv, code, hint) => {
    const ran = await run(argv, { stdin: "some value" });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(`[${code}]`);
    expect(ran.stderr).toMatch(hint);
  });

  it.each([
    ["--owner", "app"],
    ["--mode", "0440"],
  ])("IX19: %s without --file is refused before anything is read", async (...flag) => {
    await rm(join(world.cwd, "iterapp.toml"));
    const ran = await run(["set", "A", ...flag, "--stdin"], { stdin: "some value" });
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining("--file") });
  });

  it("RI10: set --new refuses a name that exists with exit 9", async () => {
    await ok(["set", "A", "--new", "--stdin"], { stdin: "some value" });
    const ran = await run(["set", "A", "--new", "--stdin"], { stdin: "other value" });
    expect(ran).toMatchObject({ code: 9, stderr: expect.stringContaining("[SECRET_EXISTS]") });
  });

  it("RI8: set --json tells metadata only", async () => {
    const value = canary();
    const { stdout } = await ok(["set", "A", "--stdin", "--json"], { stdin: value });
    expect(JSON.parse(stdout)).toEqual({
      name: "A",
      scope: "common",
      replaced: false,
      keyId: expect.stringMatching(/^[0-9a-f]{16}$/),
      file: "iterapp.toml",
    });
    expect(leaksIn(written, [value])).toEqual([]);
  });

  it("IX20, IX21: ls lists names and metadata, and no command shows a value", async () => {
    const value = canary();
    await ok(["set", "A", "--env", "prod", "--file", "/k", "--mode", "0440", "--stdin"], {
      stdin: value,
    });
    await ok(["set", "tok", "--build", "--stdin"], { stdin: value });
    const { stdout } = await ok(["ls", "--json"]);
    expect(JSON.parse(stdout)).toEqual([
      expect.objectContaining({
        name: "A",
        scope: "prod",
        kind: "sealed",
        keyId: expect.stringMatching(/^[0-9a-f]{16}$/),
        lengthClass: "short",
        file: { path: "/k", mode: "0440" },
      }),
      expect.objectContaining({ name: "tok", scope: "build" }),
    ]);
    const calls = [
      ["ls"],
      ["ls", "--env", "prod"],
      ["check", "A"],
      ["check", "--strict"],
      ["doctor"],
      ["key", "ls"],
      ["exec", "--dry-run", "x"],
      ["run", "--dry-run", "--env", "prod", "x"],
      ["exec", "--env", "prod", "--", "nope-4711"],
      ["rm", "A", "--env", "prod"],
    ];
    for (const argv of calls) {
      await run(argv, { env: { DOCKER_HOST: "unix:///nowhere" } });
      await run([...argv.slice(0, 1), "--json", "--debug", ...argv.slice(1)], {
        env: { DOCKER_HOST: "unix:///nowhere" },
      });
    }
    expect(leaksIn(written, [value])).toEqual([]);
  });

  it("IX22, IX23: check lists the missing only, exits 3, and needs no private key", async () => {
    await ok(["set", "A", "--env", "prod", "--stdin"], { stdin: "some value" });
    await rm(keyFile());
    expect(await run(["check", "A"])).toMatchObject({ code: 0, stdout: "" });
    const ran = await run(["check", "A", "B", "C", "--env", "prod"]);
    expect(ran).toMatchObject({ code: 3, stdout: "B\nC\n" });
    expect(ran.stderr).toContain("hint: sealmount set B --env prod");
    const json = await run(["check", "A", "B", "--json"]);
    expect(JSON.parse(json.stdout)).toEqual({ missing: ["B"] });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: "SECRET_MISSING", key: "B" } });
  });

  it("check validates the whole manifest, all problems at once", async () => {
    expect(await run(["check"])).toMatchObject({ code: 0 });
    await world.write("iterapp.toml", "[env.prod]\nA = { encryptd = 'x' }\n'B C' = 'x'\n");
    const ran = await run(["check"]);
    expect(ran.code).toBe(3);
    expect(ran.stderr.match(/^sealmount: error: iterapp\.toml:\d+:\d+: /gm)?.length).toBe(2);
  });

  it("IX24: rm removes one line, keeps comments, and exits 3 for an unknown name", async () => {
    const before = await manifest();
    await ok(["set", "A", "--env", "prod", "--stdin"], { stdin: "some value" });
    await ok(["rm", "A"]);
    expect(await manifest()).toBe(before);
    expect(await run(["rm", "A"])).toMatchObject({ code: 3 });
  });
});

describe("exec and run, without an engine", () => {
  beforeEach(async () => {
    await ok(["init", "--app", "cats"]);
    await ok(["set", "A", "--stdin"], { stdin: "value-of-a-4711" });
  });

  it("RI2: without a key, exec exits 4 and lists the places", async () => {
    await rm(keyFile());
    const ran = await run(["exec", "--", "true"]);
    expect(ran.code).toBe(4);
    for (const place of [
      "SEALMOUNT_KEY",
      "SEALMOUNT_KEY_FILE",
      "/run/secrets/sealmount_key",
      "cats.key",
    ])
      expect(ran.stderr).toContain(place);
  });

  it("exec passes on the exit code and masks the output", async () => {
    const ran = await run(["exec", "--", "sh", "-c", 'echo "<$A>"; echo "$A" >&2; exit 42']);
    expect(ran).toEqual({ code: 42, stdout: "<***>\n", stderr: "***\n" });
  });

  it.each([
    [["exec", "--", "no-such-program-4711"], 127, "PROGRAM_NOT_FOUND"],
    [["exec", "--file", "B", "--", "true"], 2, "USAGE_UNKNOWN"],
    [["exec", "--env", "build", "--", "true"], 2, "USAGE"],
    [["exec", "--key-file", "nope", "--", "true"], 4, "KEY_NOT_FOUND"],
    [["exec", "--only", "NOPE", "--", "true"], 3, "SECRET_MISSING"],
    [["run", "--only", "NOPE", "image"], 3, "SECRET_MISSING"],
    [["run", "image"], 125, "DOCKER_UNREACHABLE"],
    [["run", "--owner", "app", "image"], 2, "USAGE"],
    [["run", "-p", "nonsense", "image"], 2, "USAGE"],
    [["build", "nowhere"], 7, "BUILD_CONTEXT"],
    [["build", "--via", "docker", "--verify", "--push", "."], 2, "USAGE_CONFLICT"],
    [["build", "--via", "podman", "--verify", "-t", "x", "."], 2, "USAGE_CONFLICT"],
    [["verify", "image"], 6, "DOCKER_UNREACHABLE"],
    [["verify", "--format", "html", "image"], 2, "USAGE"],
    [["verify", "--route", "nonsense", "image"], 2, "USAGE"],
    [["verify", "-o", "nowhere/x.sarif", "image"], 2, "USAGE"],
    [["verify", "-o", ".", "image"], 2, "USAGE"],
    [["verify", "-o", "iterapp.toml/x", "image"], 2, "USAGE"],
    [["verify", "--format", "sarif", "-o", "a.json", "-o", "b.json", "image"], 2, "USAGE_CONFLICT"],
  ])("%j exits %i", async (argv, code, error) => {
    const ran = await run(argv, { env: { DOCKER_HOST: "unix:///nowhere" } });
    expect(ran.stderr).toContain(`[${error}]`);
    expect(ran.code).toBe(code);
  });

  it("IX29, IX30, RI15: a missing name exits 3 with the command to paste, and never calls the engine", async () => {
    let calls = 0;
    const socket = join(world.root, "docker.sock");
    const engine = createServer((connection) => {
      calls++;
      connection.destroy();
    }).listen(socket);
    const env = { DOCKER_HOST: `unix://${socket}` };
    await world.write(
      "Dockerfile",
      "FROM scratch\nRUN --mount=type=secret,id=tok,required=true x\n",
    );
    const ran = await run(["run", "--json", "--only", "NOPE", "--env", "prod", "image"], { env });
    const built = await run(["build", "--json", "."], { env });
    engine.close();
    expect(ran.code).toBe(3);
    expect(JSON.parse(ran.stderr)).toMatchObject({
      error: { code: "SECRET_MISSING", hint: "sealmount set NOPE --env prod" },
    });
    expect(built.code).toBe(3);
    expect(JSON.parse(built.stderr)).toMatchObject({
      error: {
        code: "SECRET_MISSING",
        file: "Dockerfile",
        line: 2,
        hint: "sealmount set tok --build",
      },
    });
    expect(calls).toBe(0);
  });

  it.each([
    [["--verify", "--check", "."], "USAGE_CONFLICT"],
    [["--verify", "--via", "buildx", "-o", "out", "."], "USAGE_CONFLICT"],
    [["--verify", "--via", "podman", "-t", "x", "."], "USAGE_CONFLICT"],
    [["--verify", "--via", "docker", "--push", "."], "USAGE_CONFLICT"],
    [["--via", "docker", "--record", "."], "USAGE_CONFLICT"],
    [["--via", "docker", "--secret-cache=value", "."], "USAGE_CONFLICT"],
    [["--check", "--call=targets", "."], "USAGE_CONFLICT"],
    [[".", "--", "--load"], "USAGE"],
  ])("build %j is refused before anything is read", async (argv, error) => {
    const ran = await run(["build", ...argv], { env: { DOCKER_HOST: "unix:///nowhere" } });
    expect(ran.stderr).toContain(`[${error}]`);
    expect(ran.code).toBe(2);
  });

  it("verify refuses two forms for stdout", async () => {
    const ran = await run(["verify", "--json", "--format", "junit", "image"]);
    expect(JSON.parse(ran.stderr)).toMatchObject({ error: { code: "USAGE_CONFLICT" } });
    expect(ran.code).toBe(2);
  });

  it("--dry-run prints names only and needs neither key nor engine", async () => {
    await rm(keyFile());
    const env = { DOCKER_HOST: "unix:///nowhere" };
    const plan = await ok(
      ["run", "--dry-run", "-e", "X=hidden-4711", "--file", "A=/k", "image", "--", "cmd"],
      { env },
    );
    expect(JSON.parse(plan.stdout)).toMatchObject({
      environment: "test",
      image: "image",
      command: ["cmd"],
      env: [{ name: "X", from: "option" }],
      files: [{ name: "A", path: "/k", mode: "0600" }],
      container: {},
    });
    expect(plan.stdout).not.toContain("4711");
    await world.write("Dockerfile", "FROM scratch\nRUN --mount=type=secret,id=tok x\n");
    await call(world, ["set", "tok", "--build", "--stdin"], { stdin: "x-4711-x" });
    const via = await ok(["build", "--dry-run", "--via", "buildx", "-t", "it's", "."], { env });
    expect(via.stdout).toBe(
      "docker buildx build '--tag=it'\\''s' --secret=id=tok,src=/dev/fd/3 .\n",
    );
  });

  it("doctor lists faults with their fix and exits with the code of the first", async () => {
    const ran = await run(["doctor", "--json"], { env: { DOCKER_HOST: "unix:///nowhere" } });
    expect(ran.code).toBe(6);
    expect(JSON.parse(ran.stdout)).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: "engine", status: "fail" })]),
    );
  });
});

describe("set --type registry", () => {
  const password = canary("login");
  beforeEach(async () => ok(["init", "--app", "cats"]));
  const set = async (...args: string[]): Promise<Called> =>
    run(["set", ...args, "--type", "registry", "--stdin"], { stdin: password });

  it("DO3: seals a login into its slot, in place of the one before", async () => {
    const done = await set("ghcr.io", "--username", "bot");
    expect(done).toMatchObject({
      code: 0,
      stderr: 'sealed the login of bot for ghcr.io (registries."ghcr.io".password)\n',
    });
    expect((await set("ghcr.io", "--username", "other", "--new")).code).toBe(9);
    const again = await set("ghcr.io", "--username", "other", "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ username: "other", replaced: true });
    expect(await manifest()).toContain('[registries."ghcr.io"]\nusername = "other"\npassword = {');
    expect(leaksIn(written + (await manifest()), [password])).toEqual([]);
  });

  it("DO4: Docker Hub is one slot under all of its names; without a user it is a token", async () => {
    const done = await set("index.docker.io");
    expect(done.stderr).toContain('the identity token for docker.io (registries."docker.io"');
    expect(await manifest()).not.toContain("username");
  });

  it.each([
    [["not a host"], "this is no host of a registry"],
    [["https://ghcr.io/v2/"], "write ghcr.io"],
    [["ghcr.io", "--env", "prod"], "--env has no meaning with --type registry"],
    [["ghcr.io", "--build"], "--build has no meaning with --type registry"],
    [["ghcr.io", "--file", "/x"], "--file has no meaning with --type registry"],
    [["ghcr.io", "--username", "a\nb"], "--username takes no control characters"],
  ])("refuses %j", async (args, message) => {
    const before = await manifest();
    expect(await set(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
    expect(await manifest()).toBe(before);
  });

  it("refuses a user name for a value", async () => {
    const ran = await run(["set", "A", "--username", "bot", "--stdin"], { stdin: "purr" });
    expect([ran.code, ran.stderr.includes("--username needs --type registry")]).toEqual([2, true]);
  });
});

describe("import", () => {
  const password = canary("login");
  const config = (): string => {
    const auth = Buffer.from(`bot:${password}`).toString("base64");
    return JSON.stringify({ auths: { "ghcr.io": { auth } } });
  };

  beforeEach(async () => {
    await ok(["init", "--app", "cats"]);
    await world.write("../home/.docker/config.json", config());
  });
  afterEach(() => expect(leaksIn(written, [password])).toEqual([]));

  it("RI20: seals docker's login, once", async () => {
    const sealed = 'sealed the login of bot for ghcr.io (registries."ghcr.io".password)\n';
    const args = ["import", "--docker-auth", "ghcr.io"];
    expect(await ok(args)).toMatchObject({ stdout: "", stderr: sealed });
    expect(await run(args)).toMatchObject({
      code: 9,
      stderr: expect.stringContaining("[SECRET_EXISTS]"),
    });
    expect((await ok([...args, "--force"])).stderr).toBe(sealed.replace("sealed", "replaced"));
    expect((await ok(["ls"])).stdout).toContain('registries."ghcr.io".password');
    expect(leaksIn(await manifest(), [password])).toEqual([]);
  });

  it("RI20: a token of a cloud is told about", async () => {
    const cloud = { auths: { "ghcr.io": { username: "AWS", password } } };
    await world.write("../home/.docker/config.json", JSON.stringify(cloud));
    const { stderr } = await ok(["import", "--docker-auth", "ghcr.io"]);
    expect(stderr).toContain("warning: such a token for ghcr.io ends within hours");
  });

  it("RI20: --json and --dry-run are data", async () => {
    const args = ["import", "--docker-auth", "ghcr.io"];
    const before = await manifest();
    const planned = await ok([...args, "--dry-run"]);
    expect(JSON.parse(planned.stdout)).toEqual([
      {
        host: "ghcr.io",
        key: 'registries."ghcr.io".password',
        replaces: false,
        from: "config.json",
      },
    ]);
    expect(await manifest()).toBe(before);
    const done = await ok([...args, "--json"]);
    expect(JSON.parse(done.stdout)).toMatchObject([{ username: "bot", replaced: false }]);
    expect(done.stderr).toBe("");
  });

  it.each([
    [[], 2, "nothing to import is named"],
    [["--docker-auth", ""], 2, "this is no host of a registry"],
    [["--docker-auth", "other.example"], 6, "docker has no login for other.example"],
    [[".env"], 2, "takes no argument"],
  ])("import %j exits %i", async (args, code, message) => {
    expect(await run(["import", ...args])).toMatchObject({
      code,
      stdout: "",
      stderr: expect.stringContaining(message),
    });
  });
});
