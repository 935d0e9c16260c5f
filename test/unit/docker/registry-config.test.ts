import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";

import { askHelper } from "../../../src/docker/credential-helper.ts";
import { readHelperAnswer } from "../../../src/docker/helper-answer.ts";
import { registryLogin, type RegistryLogin } from "../../../src/docker/registry-config.ts";
import { failureOf } from "../../support/failure.ts";
import { makeWorld, type World } from "../../support/temp.ts";

const PASSWORD = 'canary-5e1f:pass"\\/ü';
const HUB = "https://index.docker.io/v1/";

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

async function worldWith(config: unknown, folder = ".docker"): Promise<World> {
  const world = await makeWorld();
  onTestFinished(async () => world[Symbol.asyncDispose]());
  await mkdir(join(world.home, folder), { recursive: true });
  const text = typeof config === "string" ? config : JSON.stringify(config);
  await writeFile(join(world.home, folder, "config.json"), text);
  return world;
}

/** What a login says, with its secret: for looking at in tests only. */
function shown(login: RegistryLogin | null): string | null {
  if (login === null) return null;
  using secret = login.secret;
  const kind = login.isRegistryToken === true ? "token" : login.username;
  return `${kind}|${secret.use((bytes) => bytes.toString("utf8"))}`;
}

async function loginOf(world: World, host: string, env: object = {}): Promise<string | null> {
  return shown(await registryLogin(host, { env: { ...world.env, ...env }, home: world.home }));
}

const auth = base64(`bot:${PASSWORD}`);

describe("logins in config.json", () => {
  it.each<[string, unknown, string, string | null]>([
    ["by host", { auths: { "ghcr.io": { auth } } }, "ghcr.io", `bot|${PASSWORD}`],
    ["with a port", { auths: { "127.0.0.1:5000": { auth } } }, "127.0.0.1:5000", `bot|${PASSWORD}`],
    ["by another port", { auths: { "127.0.0.1:5000": { auth } } }, "127.0.0.1:5001", null],
    ["by url", { auths: { "https://ghcr.io/v2/": { auth } } }, "ghcr.io", `bot|${PASSWORD}`],
    ["of Docker Hub", { auths: { [HUB]: { auth } } }, "docker.io", `bot|${PASSWORD}`],
    [
      "of Docker Hub, by host",
      { auths: { "index.docker.io": { auth } } },
      "docker.io",
      `bot|${PASSWORD}`,
    ],
    ["padded with NUL", { auths: { a: { auth: base64("bot:pw\0\0") } } }, "a", "bot|pw"],
    ["in two fields", { auths: { a: { username: "bot", password: "pw" } } }, "a", "bot|pw"],
    ["as an identity token", { auths: { a: { auth, identitytoken: "idt" } } }, "a", "|idt"],
    ["as a registry token", { auths: { a: { auth, registrytoken: "rt" } } }, "a", "token|rt"],
    ["of another host", { auths: { a: { auth } } }, "b", null],
    ["left empty", { auths: { a: {} } }, "a", null],
    ["without a name", { auths: { a: { auth: base64(":pw") } } }, "a", null],
    ["without a colon", { auths: { a: { auth: base64("botpw") } } }, "a", null],
    [
      "of the wrong type",
      { auths: { a: { auth: 7 } }, credHelpers: [1], credsStore: {} },
      "a",
      null,
    ],
    ["of no type", { auths: { a: null } }, "a", null],
    ["in an empty file", "", "a", null],
    ["in no object", "7", "a", null],
    ["under a name of Object's", { auths: {} }, "constructor", null],
  ])("%s", async (_what, config, host, expected) => {
    expect(await loginOf(await worldWith(config), host)).toBe(expected);
  });

  it("no file is no login, and another folder is named by DOCKER_CONFIG", async () => {
    const world = await worldWith({ auths: { a: { auth } } }, "other");
    expect(await loginOf(world, "a")).toBeNull();
    expect(await loginOf(world, "a", { DOCKER_CONFIG: join(world.home, "other") })).toBe(
      `bot|${PASSWORD}`,
    );
  });

  it("DOCKER_AUTH_CONFIG comes first", async () => {
    const world = await worldWith({ auths: { a: { auth }, b: { auth } } });
    const env = {
      DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { a: { auth: base64("ci:other") } } }),
    };
    expect(await loginOf(world, "a", env)).toBe("ci|other");
    expect(await loginOf(world, "b", env)).toBe(`bot|${PASSWORD}`);
  });

  it.each([
    ["no JSON", `{"auths":{"a":{"auth":"${auth}"`, "REGISTRY_LOGIN"],
    ["a bad helper's name", { credsStore: "../evil" }, "REGISTRY_LOGIN"],
  ])("%s is an error that quotes nothing", async (_what, config, code) => {
    const world = await worldWith(config);
    const failure = await failureOf(loginOf(world, "a"), auth, PASSWORD, "evil");
    expect(failure.code).toBe(code);
  });

  it("a folder in its place is an error", async () => {
    const world = await worldWith({});
    await mkdir(join(world.home, "odd", "config.json"), { recursive: true });
    const failure = await failureOf(
      loginOf(world, "a", { DOCKER_CONFIG: join(world.home, "odd") }),
    );
    expect(failure).toMatchObject({
      code: "REGISTRY_LOGIN",
      message: expect.stringContaining("EISDIR"),
    });
  });
});

describe("credential helpers", () => {
  /** A world whose docker asks a helper with this body; what the helper was told lands in `told`. */
  async function withHelper(
    body: string,
    config: object = { credsStore: "smtest" },
  ): Promise<{
    readonly world: World;
    readonly env: object;
    readonly told: () => Promise<string>;
  }> {
    const world = await worldWith(config);
    const told = join(world.root, "told");
    const script = `#!/bin/sh\n{ echo "$@"; cat; } > ${told}\n${body}\n`;
    await world.write("bin/docker-credential-smtest", script, 0o755);
    const env = { PATH: `${join(world.cwd, "bin")}:${world.env["PATH"]}` };
    return { world, env, told: async () => readFile(told, "utf8") };
  }

  const prints = (answer: object): string => `cat <<'END'\n${JSON.stringify(answer)}\nEND`;

  it("is asked for the host", async () => {
    const { world, env, told } = await withHelper(
      prints({ ServerURL: "a", Username: "bot", Secret: PASSWORD }),
    );
    expect(await loginOf(world, "a", env)).toBe(`bot|${PASSWORD}`);
    expect(await told()).toBe("get\na");
    expect(await loginOf(world, "docker.io", env)).toBe(`bot|${PASSWORD}`);
    expect(await told()).toBe(`get\n${HUB}`);
  });

  it("the host's own helper wins, and a name <token> means an identity token", async () => {
    const config = { credsStore: "none", credHelpers: { a: "smtest" } };
    const { world, env } = await withHelper(prints({ Username: "<token>", Secret: "idt" }), config);
    expect(await loginOf(world, "a", env)).toBe("|idt");
    const missing = await failureOf(loginOf(world, "b", env));
    expect(missing.message).toBe("docker-credential-none can't be started (ENOENT)");
  });

  it("without that login, the file's own counts", async () => {
    const { world, env } = await withHelper(
      "echo credentials not found in native keychain; exit 1",
      {
        credsStore: "smtest",
        auths: { a: { auth }, b: {} },
      },
    );
    expect(await loginOf(world, "a", env)).toBe(`bot|${PASSWORD}`);
    expect(await loginOf(world, "b", env)).toBeNull();
  });

  it.each([
    ["fails", `echo ${PASSWORD.slice(0, 11)}; exit 3`, /exit code 3/],
    ["prints nothing", "true", /printed no login/],
    ["prints no secret", 'echo \'{"Username":"bot"}\'', /printed no login/],
    ["prints too much", "head -c 2000000 /dev/zero", /failed/],
  ])("one that %s is an error without its words", async (_what, body, expected) => {
    const { world, env } = await withHelper(body);
    const failure = await failureOf(loginOf(world, "a", env), PASSWORD.slice(0, 11));
    expect(failure.code).toBe("REGISTRY_LOGIN");
    expect(failure.message).toMatch(expected);
  });

  it("RI20: one that is slow is not waited for, nor what it started", async () => {
    const { world, env } = await withHelper("sleep 5 & exec sleep 60");
    const limits = { env: { ...world.env, ...env }, timeLimitMs: 200 };
    const failure = await failureOf(askHelper("smtest", "a", limits));
    expect(failure).toMatchObject({
      code: "REGISTRY_LOGIN",
      message: "docker-credential-smtest did not answer in time",
    });
  });

  it("an interrupt ends it", async () => {
    const { world, env, told } = await withHelper("exec sleep 60");
    const stop = new AbortController();
    const login = registryLogin("a", {
      env: { ...world.env, ...env },
      home: world.home,
      signal: stop.signal,
    });
    while ((await told().catch(() => "")) !== "get\na") await sleep(10);
    stop.abort();
    await expect(login).rejects.toMatchObject({ code: "INTERRUPTED" });
    await expect(
      registryLogin("a", { env: { ...world.env, ...env }, home: world.home, signal: stop.signal }),
    ).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});

describe("a helper's answer", () => {
  const string = fc.string({ unit: "binary" });

  it("reads as JSON.parse reads it", () => {
    fc.assert(
      fc.property(string, string, string, fc.boolean(), (url, username, secret, isPretty) => {
        const answer = { ServerURL: url, Username: username, Other: [1, '"'], Secret: secret };
        const { ServerURL, Username, Secret } = answer;
        const json = JSON.stringify({ ServerURL, Username, Secret }, null, isPretty ? 2 : 0);
        const found = readHelperAnswer(Buffer.from(json));
        expect(found?.username).toBe(Buffer.from(username).toString());
        expect(found?.secret).toEqual(Buffer.from(secret));
      }),
    );
  });

  it("what follows it is not looked at, as docker doesn't", () => {
    const json = ' {"Username":"a","Other":[{"b":1}],"Secret":"}"} {"Secret":"c"}\nbye';
    expect(readHelperAnswer(Buffer.from(json))?.secret.toString()).toBe("}");
  });

  it("undoes every escape", () => {
    const json = String.raw`{"Secret":"\"\\\/\b\f\n\r\t\u00fc\ud83d\ude00","Username":"\u0041"}`;
    const found = readHelperAnswer(Buffer.from(json));
    expect(found?.username).toBe("A");
    expect(found?.secret.toString()).toBe('"\\/\b\f\n\r\tü😀');
  });

  it.each([
    "",
    "{",
    '{"Username":"a"}',
    '{"Username":"a","Secret":7}',
    '{"Username":"a","Secret":"\\x"}',
    '{"Username":"a","Secret":"b',
    '{"Username":"a","Secret":"b"',
    '{"Username":"a","Secret":"b" c}',
    '{"Username":"a" "Secret":"b"}',
    '{"Username":"a","Secret":"b"]',
    'unlocked\n{"Username":"a","Secret":"b"}',
    '"Username":"a","Secret":"b"',
    '[{"Username":"a","Secret":"b"}]',
  ])("%s is none", (json) => {
    expect(readHelperAnswer(Buffer.from(json))).toBeNull();
  });
});
