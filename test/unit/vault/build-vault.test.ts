import { beforeAll, describe, expect, it } from "vitest";
import { BuildVault, SlotVault } from "../../../src/vault/build-vault.ts";
import { openForVerify } from "../../../src/vault/verify-set.ts";
import { fakeKubectl, keyringOf, newApp, noKeyring, type App } from "./helpers.ts";
import { failureOf } from "../../support/failure.ts";

const CANARY = "build-canary-52-azurite";

let cats: App;
let token: string;
beforeAll(async () => {
  cats = await newApp();
  token = await cats.sealed("build", "npm-token", CANARY);
});

describe("BuildVault", () => {
  it("opens what is asked for, and counts it", async () => {
    const project = cats.project(
      `[build_secrets]\nnpm-token = ${token}\nbroken = { encrypted = "AAAA" }`,
    );
    using vault = new BuildVault(project, keyringOf(cats.pair));
    expect(vault.ids).toEqual(["npm-token", "broken"]);
    expect([...vault.opened]).toEqual([]);
    const both = await Promise.all([vault.open("npm-token"), vault.open("npm-token")]);
    expect(both[0]?.use(String)).toBe(CANARY);
    expect(both[0]).toBe(both[1]);
    expect([...vault.opened]).toEqual([["npm-token", 2]]);
    expect([...vault.secrets]).toHaveLength(1);
    expect((await failureOf(vault.open("broken"))).code).toBe("UNSEAL_TRUNCATED");
    expect(vault.opened.has("broken")).toBe(false);
  });

  it("has nothing for other ids, and looks for no key then", async () => {
    const project = cats.project(`[build_secrets]\nnpm-token = ${token}\n[env.prod]\nA = "x"`);
    using vault = new BuildVault(project, noKeyring);
    expect(await vault.open("A")).toBeNull();
    expect(await vault.open("__proto__")).toBeNull();
    expect(vault.opened.size).toBe(0);
  });

  it("IT16: a value sealed for run time is no build secret", async () => {
    const runtime = await cats.sealed("common", "npm-token", CANARY);
    const project = cats.project(`[build_secrets]\nnpm-token = ${runtime}`);
    using vault = new BuildVault(project, keyringOf(cats.pair));
    const error = await failureOf(vault.open("npm-token"), CANARY);
    expect(error.message).toMatch(/^build_secrets\.npm-token .*env\.common\.npm-token/);
  });

  it("wipes what it opened, also what opens after its end", async () => {
    const project = cats.project(`[build_secrets]\nnpm-token = ${token}`);
    const vault = new BuildVault(project, keyringOf(cats.pair));
    const late = vault.open("npm-token");
    vault[Symbol.dispose]();
    const secret = await late;
    expect(() => secret?.use(String)).toThrow(/was wiped/);
  });

  it("tries again after a failure", async () => {
    const project = cats.project(`[build_secrets]\nnpm-token = ${token}`);
    let calls = 0;
    using vault = new BuildVault(project, async (wanted) => {
      return (calls++ === 0 ? noKeyring : keyringOf(cats.pair))(wanted);
    });
    await expect(vault.open("npm-token")).rejects.toThrow("a key was looked for");
    expect((await vault.open("npm-token"))?.use(String)).toBe(CANARY);
  });
});

describe("SlotVault", () => {
  it("gives the login of a host, and none for others", async () => {
    const name = 'registries."ghcr.io".password';
    const password = await cats.sealed("common", name, CANARY);
    const project = cats.project(
      `[registries."ghcr.io"]\nusername = "bot"\npassword = ${password}`,
    );
    const vault = new SlotVault(project, keyringOf(cats.pair), project.manifest.registries);
    const login = await vault.credentials("ghcr.io");
    expect([login?.username, login?.secret.use(String)]).toEqual(["bot", CANARY]);
    expect(await vault.credentials("docker.io")).toBeNull();
  });
});

describe("openForVerify", () => {
  it("opens every secret of the environments and the build once, named by its scope", async () => {
    const key = await cats.sealed("common", "KEY", "k");
    const own = await cats.sealed("prod", "OWN", "\0binary");
    const login = await cats.sealed("common", 'git."github.com".token', "t");
    const project = cats.project(
      [
        `[env.common]\nKEY = ${key}\nPLAIN = "p"\nURL = { template = "x\${KEY}" }\n[env.prod]\nOWN = ${own}`,
        `DB = { secret = "db", key = "k" }\n[build_secrets]\nnpm-token = ${token}`,
        `[git."github.com"]\ntoken = ${login}`,
      ].join("\n"),
    );
    const env = fakeKubectl(`echo '{"data":{"k":"eA=="}}'`);
    const keyring = keyringOf(cats.pair);
    const options = { environments: ["prod", "test"], build: true, keyring, env };
    using secrets = await openForVerify(project, options);
    expect([...secrets].map((secret) => [secret.name, secret.use(String)])).toEqual([
      ["common/KEY", "k"],
      ["prod/URL", "xk"],
      ["prod/OWN", "\0binary"],
      ["prod/DB", "x"],
      ["test/URL", "xk"],
      ["build/npm-token", CANARY],
      ['common/git."github.com".token', "t"],
    ]);
  });

  it("knows the user names of slots, and the logins in a docker config.json", async () => {
    const auth = Buffer.from("bot:pass-in-auth").toString("base64");
    const config = JSON.stringify({
      auths: {
        "a.example": { auth },
        "b.example": { username: "kit", password: 'quo"ted', auth: "" },
        "c.example": { identitytoken: "token-in-config" },
        "d.example": {},
        "e.example": { auth: "????" },
      },
    });
    const project = cats.project(
      [
        `[build_secrets]\npull = ${await cats.sealed("build", "pull", config)}`,
        `[git."github.com"]\nusername = "bot"`,
        `token = ${await cats.sealed("common", 'git."github.com".token', "t")}`,
      ].join("\n"),
    );
    const options = { environments: [], build: true, keyring: keyringOf(cats.pair), env: {} };
    using secrets = await openForVerify(project, options);
    const [pull, git] = [...secrets];
    expect(pull?.use((bytes) => bytes.toString() === config)).toBe(true);
    expect(pull?.parts.map((part) => [part.username, part.use(String)])).toEqual([
      ["bot", "pass-in-auth"],
      ["kit", 'quo"ted'],
      [undefined, "token-in-config"],
    ]);
    expect([git?.username, git?.parts]).toEqual(["bot", []]);
  });

  it("fails when one of them does not open", async () => {
    const project = cats.project(`[build_secrets]\nnpm-token = ${token}`);
    const keyring = keyringOf((await newApp()).pair);
    const options = { environments: [], build: true, keyring, env: {} };
    expect((await failureOf(openForVerify(project, options))).code).toBe("UNSEAL_WRONG_KEY");
  });
});
