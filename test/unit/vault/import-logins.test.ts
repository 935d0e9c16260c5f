import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { reloadProject } from "../../../src/project/project.ts";
import type { Project } from "../../../src/project/project.ts";
import { SlotVault } from "../../../src/vault/build-vault.ts";
import {
  importLogins,
  type ImportedLogin,
  planLoginImport,
} from "../../../src/vault/import-logins.ts";
import { canary, leaksIn } from "../../support/canary.ts";
import { failureOf } from "../../support/failure.ts";
import { makeWorld, type World } from "../../support/temp.ts";
import { keyPair, projectWith } from "../project/fixtures.ts";
import { keyringOf } from "./helpers.ts";

const PASSWORD = canary("login");
const HUB = "https://index.docker.io/v1/";
const auth = Buffer.from(`bot:${PASSWORD}`).toString("base64");

let world: World;
beforeEach(async () => {
  world = await makeWorld();
  onTestFinished(async () => world[Symbol.asyncDispose]());
});

/** Writes docker's config; null: there is none. */
async function docker(config: unknown): Promise<void> {
  if (config === null) return;
  await mkdir(join(world.home, ".docker"), { recursive: true });
  const text = typeof config === "string" ? config : JSON.stringify(config);
  await writeFile(join(world.home, ".docker", "config.json"), text);
}

/** A program `docker-credential-smtest` with this body; whoever starts it is noted in `asked`. */
async function helper(body: string): Promise<void> {
  const log = join(world.root, "asked");
  const script = `#!/bin/sh\n{ echo "$@"; cat; echo; env; } >> ${log}\n${body}\n`;
  await chmod(await world.write("bin/docker-credential-smtest", script), 0o755);
}

async function asked(): Promise<string> {
  return readFile(join(world.root, "asked"), "utf8").catch(() => "");
}

const prints = (answer: object): string => `cat <<'END'\n${JSON.stringify(answer)}\nEND`;

/** `text` goes behind `[seal]`, or before it where it is a key of the root. */
async function project(text = ""): Promise<Project> {
  const { publicKey } = await keyPair();
  const seal = `[seal]\napp = "cats"\npublic_key = "${publicKey.text}"\n`;
  return projectWith(text.startsWith("[") ? `${seal}${text}` : `${text}${seal}`);
}

function options(hosts: readonly string[], o: { force?: boolean; env?: object } = {}) {
  const PATH = `${join(world.cwd, "bin")}:${world.env["PATH"]}`;
  const env = { ...world.env, PATH, SEALMOUNT_KEY: "smk1_none", ...o.env };
  return { hosts, force: o.force ?? false, places: { env, home: world.home } };
}

/** What a pull gets of the manifest afterwards: for looking at in tests only. */
async function slotOf(from: Project, host: string): Promise<string | null> {
  const after = await reloadProject(from);
  const vault = new SlotVault(after, keyringOf(await keyPair()), after.manifest.registries);
  const login = await vault.credentials(host);
  return login && `${login.username}|${login.secret.use(String)}`;
}

async function textOf({ path }: Project): Promise<string> {
  return readFile(path, "utf8");
}

const byHelper = (server: string) => ({ server, from: "docker-credential-smtest" });
const byFile = (server: string) => ({ server, from: "config.json" });

describe("RI20: logins of docker's become slots", () => {
  it.each<[string, object, string, { readonly server: string; readonly from: string }]>([
    ["of credsStore", { credsStore: "smtest" }, "ghcr.io", byHelper("ghcr.io")],
    [
      "of credsStore, which leaves the host in auths",
      { credsStore: "smtest", auths: { "ghcr.io": {} } },
      "ghcr.io",
      byHelper("ghcr.io"),
    ],
    [
      "of credHelpers",
      { credsStore: "none", credHelpers: { "localhost:5000": "smtest" } },
      "localhost:5000",
      byHelper("localhost:5000"),
    ],
    ["of auths", { auths: { "ghcr.io": { auth } } }, "ghcr.io", byFile("ghcr.io")],
    ["of Docker Hub", { auths: { [HUB]: { auth } } }, "index.docker.io", byFile(HUB)],
    ["of Docker Hub's helper", { credsStore: "smtest" }, "docker.io", byHelper(HUB)],
  ])("%s", async (_what, config, host, { server, from }) => {
    await helper(prints({ ServerURL: server, Username: "bot", Secret: PASSWORD }));
    await docker(config);
    const cats = await project();
    const slot = server === HUB ? "docker.io" : host;
    const [result, ...others] = await importLogins(cats, options([host]));
    expect(others).toEqual([]);
    expect(result).toEqual({
      host: slot,
      key: `registries."${slot}".password`,
      username: "bot",
      replaced: false,
      keyId: (await keyPair()).publicKey.fingerprint,
      file: cats.manifest.file,
      from,
      shortLived: false,
    } satisfies ImportedLogin);
    expect(await slotOf(cats, slot)).toBe(`bot|${PASSWORD}`);
    expect(leaksIn(await textOf(cats), [PASSWORD])).toEqual([]);
    if (from === "config.json") expect(await asked()).toBe("");
    else expect((await asked()).startsWith(`get\n${server}\n`)).toBe(true);
    expect(await asked()).not.toContain("SEALMOUNT_KEY");
  });

  it("of DOCKER_AUTH_CONFIG, without any file", async () => {
    const env = { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { "ghcr.io": { auth } } }) };
    const cats = await project();
    const [result] = await importLogins(cats, options(["ghcr.io"], { env }));
    expect(result?.from).toBe("DOCKER_AUTH_CONFIG");
    expect(await slotOf(cats, "ghcr.io")).toBe(`bot|${PASSWORD}`);
  });

  it("an identity token has no user name, and takes away one that was there", async () => {
    await helper(prints({ Username: "<token>", Secret: PASSWORD }));
    await docker({ credsStore: "smtest" });
    const cats = await project('[registries."ghcr.io"]\nusername = "old"\n');
    const [result] = await importLogins(cats, options(["ghcr.io"], { force: true }));
    expect(result).not.toHaveProperty("username");
    expect(await slotOf(cats, "ghcr.io")).toBe(`|${PASSWORD}`);
  });

  it.each(["AWS", "oauth2accesstoken", "_dcgcr_2_1_0_token"])("%s is told about", async (user) => {
    await helper(prints({ Username: user, Secret: PASSWORD }));
    await docker({ credsStore: "smtest" });
    const [result] = await importLogins(await project(), options(["ghcr.io"]));
    expect(result).toMatchObject({ username: user, shortLived: true });
  });

  it("several at once, each host once", async () => {
    await docker({ auths: { a: { auth }, [HUB]: { auth } } });
    const cats = await project();
    const results = await importLogins(cats, options(["a", "docker.io", "index.docker.io", "a"]));
    expect(results.map(({ host }) => host)).toEqual(["a", "docker.io"]);
    expect(await slotOf(cats, "a")).toBe(`bot|${PASSWORD}`);
    expect(await slotOf(cats, "docker.io")).toBe(`bot|${PASSWORD}`);
  });

  it("all or none: the second has no login", async () => {
    await docker({ auths: { a: { auth } } });
    const cats = await project();
    await failureOf(importLogins(cats, options(["a", "b"])), PASSWORD);
    expect(await textOf(cats)).toBe(cats.text);
  });
});

describe("RI20: what is in the manifest already", () => {
  const sealed = 'password = { encrypted = "AAAA", description = "of the team" } # ours';

  it.each<[string, string]>([
    ["a section", `[registries."ghcr.io"]\nusername = "bot" # name\n${sealed}\n`],
    ["CRLF", `[registries."ghcr.io"]\r\nusername = "bot" # name\r\n${sealed}\r\n`],
    ["an inline table", 'registries = { "ghcr.io" = { password = "plain" } }\n'],
    ["dotted keys", `[registries]\n"ghcr.io".username = "bot"\n"ghcr.io".${sealed}\n`],
  ])("%s is kept without --force, and replaced in place with it", async (_what, text) => {
    await docker({ auths: { "ghcr.io": { auth } } });
    const cats = await project(text);
    const failure = await failureOf(importLogins(cats, options(["ghcr.io"])), PASSWORD);
    expect(failure).toMatchObject({
      code: "SECRET_EXISTS",
      exitCode: 9,
      hint: "add --force to replace it",
      place: { line: expect.any(Number), column: expect.any(Number) },
    });
    expect(await textOf(cats)).toBe(cats.text);
    const [result] = await importLogins(cats, options(["ghcr.io"], { force: true }));
    expect(result).toMatchObject({ replaced: true, key: 'registries."ghcr.io".password' });
    expect(await slotOf(cats, "ghcr.io")).toBe(`bot|${PASSWORD}`);
    const comments = (from: string): number => from.split("#").length;
    expect(comments(await textOf(cats))).toBe(comments(cats.text));
    if (text.includes("of the team")) expect(await textOf(cats)).toContain("of the team");
  });

  it("a helper is not asked when the slot is taken", async () => {
    await helper(prints({ Username: "bot", Secret: PASSWORD }));
    await docker({ credsStore: "smtest" });
    const cats = await project('[registries."a"]\npassword = "plain"\n');
    await failureOf(importLogins(cats, options(["a"])));
    expect(await asked()).toBe("");
  });

  it.each([
    ["the same user", "bot", null],
    ["another user", "alice", "SECRET_EXISTS"],
  ])("a slot without a value, for %s", async (_what, username, code) => {
    await docker({ auths: { "ghcr.io": { auth } } });
    const cats = await project(
      `[registries."ghcr.io"]\nusername = "${username}"\npassword = { description = "theirs" }\n`,
    );
    const importing = importLogins(cats, options(["ghcr.io"]));
    if (code === null) expect(await importing).toMatchObject([{ replaced: false }]);
    else expect(await failureOf(importing, PASSWORD)).toMatchObject({ code });
  });

  it("another name of Docker Hub stays the slot's name, to which the value is bound", async () => {
    await docker({ auths: { [HUB]: { auth } } });
    const cats = await project('[registries."index.docker.io"]\npassword = "plain"\n');
    const [result] = await importLogins(cats, options(["docker.io"], { force: true }));
    expect(result?.key).toBe('registries."index.docker.io".password');
    expect(await slotOf(cats, "docker.io")).toBe(`bot|${PASSWORD}`);
  });
});

describe("RI20: a plan", () => {
  it("starts no helper and changes nothing", async () => {
    await helper("exit 1");
    await docker({ credsStore: "smtest", auths: { b: { auth } }, credHelpers: { b: "" } });
    const cats = await project('[registries."b"]\npassword = "plain"\n');
    const plan = await planLoginImport(cats, options(["a", "b"], { force: true }));
    expect(plan).toEqual([
      {
        host: "a",
        key: "registries.a.password",
        replaces: false,
        from: "docker-credential-smtest",
      },
      { host: "b", key: "registries.b.password", replaces: true, from: "config.json" },
    ]);
    expect(await asked()).toBe("");
    expect(await textOf(cats)).toBe(cats.text);
  });
});

describe("RI20: what can't be imported", () => {
  const many = Object.fromEntries(Array.from({ length: 14 }, (_, i) => [`r${i}.example`, {}]));

  it.each<[string, unknown, RegExp, RegExp]>([
    ["no config", null, /no login for ghcr\.io: there is no config/, /^docker login ghcr\.io$/],
    ["an empty config", "", /no login for ghcr\.io$/, /^docker login ghcr\.io$/],
    [
      "another host's login",
      { auths: { "ghcr.oi": { auth }, "https://x:y@z/": { auth }, [HUB]: {} } },
      /no login for ghcr\.io$/,
      /docker login ghcr\.io; did you mean ghcr\.oi\?; docker has logins for ghcr\.oi, docker\.io$/,
    ],
    ["many hosts", { auths: many }, /no login/, /r9\.example and 4 more$/],
    ["an empty entry", { auths: { "ghcr.io": {} } }, /no login for ghcr\.io$/, /^docker login/],
    ["no JSON", `{"auths":{"ghcr.io":"${auth}`, /is no JSON/, /docker login/],
    [
      "a registry token",
      { auths: { "ghcr.io": { registrytoken: PASSWORD } } },
      /registry token, which no slot can carry/,
      /--host-auth/,
    ],
    [
      "an empty password",
      { auths: { "ghcr.io": { auth: Buffer.from("bot:").toString("base64") } } },
      /empty password/,
      /docker login ghcr\.io/,
    ],
    [
      "a user name with a line end",
      { auths: { "ghcr.io": { username: "a\nb", password: PASSWORD } } },
      /control characters/,
      /docker login ghcr\.io/,
    ],
    ["a helper that is missing", { credsStore: "nope" }, /can't be started \(ENOENT\)/, /install/],
    ["a helper's impossible name", { credsStore: "../x" }, /impossible name/, /docker login/],
  ])("%s", async (_what, config, message, hint) => {
    await docker(config);
    const cats = await project();
    const failure = await failureOf(importLogins(cats, options(["ghcr.io"])), PASSWORD, auth);
    expect(failure).toMatchObject({ code: "REGISTRY_LOGIN", exitCode: 6 });
    expect(failure.message).toMatch(message);
    expect(failure.hint).toMatch(hint);
    expect(await textOf(cats)).toBe(cats.text);
  });

  it.each<[string, string, RegExp]>([
    ["fails", `echo '${PASSWORD}' >&2; echo '${PASSWORD}'; exit 1`, /failed with exit code 1/],
    ["prints garbage", `echo '${PASSWORD}'`, /printed no login/],
    ["prints half of a login", `echo '{"Username":"bot","Secret":"abc'`, /printed no login/],
    ["prints no user name", prints({ Secret: PASSWORD }), /printed no login/],
    [
      "does not know the host",
      "echo credentials not found in native keychain; exit 1",
      /docker has no login for ghcr\.io$/,
    ],
    ["prints an empty password", prints({ Username: "bot", Secret: "" }), /docker has no login/],
    ["prints a strange name", prints({ Username: "a\u001b[2Jb", Secret: PASSWORD }), /control/],
  ])("of a helper that %s", async (_what, body, message) => {
    await helper(body);
    await docker({ credsStore: "smtest" });
    const cats = await project();
    const failure = await failureOf(importLogins(cats, options(["ghcr.io"])), PASSWORD);
    expect(failure.code).toBe("REGISTRY_LOGIN");
    expect(failure.message).toMatch(message);
    expect(await textOf(cats)).toBe(cats.text);
  });

  it.each([
    ["", /ghcr\.io/],
    ["https://ghcr.io/v2/", /^write ghcr\.io$/],
    ["https://index.docker.io/v1/", /^write docker\.io$/],
    ["https://bot:pw@ghcr.io", /^write the host alone/],
    ["ghcr.io/cats", /^write the host alone/],
    ["ghcr.io:", /^write the host alone/],
    ["a b", /^write the host alone/],
    ["../x", /^write the host alone/],
    [PASSWORD, /^write the host alone/],
  ])("the host %j", async (host, hint) => {
    await docker({ auths: {} });
    const failure = await failureOf(importLogins(await project(), options([host])), PASSWORD, "pw");
    expect(failure).toMatchObject({ code: "USAGE", message: "this is no host of a registry" });
    expect(failure.hint).toMatch(hint);
  });

  it("without a public key, before anybody is asked", async () => {
    await helper(prints({ Username: "bot", Secret: PASSWORD }));
    await docker({ credsStore: "smtest" });
    const cats = await projectWith('[seal]\napp = "cats"\n');
    const failure = await failureOf(importLogins(cats, options(["a"])));
    expect(failure.code).toBe("KEY_NOT_FOUND");
    expect(await asked()).toBe("");
  });
});
