import { beforeAll, describe, expect, it } from "vitest";

import type { RegistryLogin } from "../../../src/docker/registry-config.ts";
import { loginInConfig, type ConfigAnswer } from "../../../src/vault/docker-config.ts";
import { PullSecret } from "../../../src/vault/pull-secret.ts";
import { failureOf } from "../../support/failure.ts";
import { fakeKubectl, keyringOf, newApp, noKeyring, type App } from "./helpers.ts";

const PASSWORD = 'canary-9c4d:pass"\\/ü';
const HUB = "https://index.docker.io/v1/";

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

const auth = base64(`bot:${PASSWORD}`);

/** What an answer says, with its secret: for looking at in tests only. */
function shown(answer: ConfigAnswer): string {
  return typeof answer === "string" ? answer : shownLogin(answer);
}

function shownLogin({ username, secret, isRegistryToken }: RegistryLogin): string {
  using own = secret;
  return `${isRegistryToken === true ? "token" : username}|${own.use(String)}`;
}

describe("RI17: a config.json as a value", () => {
  it.each<[string, unknown, string, string]>([
    ["by host", { auths: { "ghcr.io": { auth } } }, "ghcr.io", `bot|${PASSWORD}`],
    ["by url", { auths: { "https://ghcr.io/v2/": { auth } } }, "ghcr.io", `bot|${PASSWORD}`],
    ["by its port", { auths: { "r:5000": { auth } } }, "r:5001", "none"],
    ["DO4: of Docker Hub", { auths: { [HUB]: { auth } } }, "docker.io", `bot|${PASSWORD}`],
    ["DO4: of an empty server", { auths: { "": { auth } } }, "docker.io", `bot|${PASSWORD}`],
    ["of another host", { auths: { a: { auth } } }, "b", "none"],
    ["padded with NUL", { auths: { a: { auth: base64("bot:pw\0\0") } } }, "a", "bot|pw"],
    [
      "without padding",
      { auths: { a: { auth: auth.replace(/=+$/, "") } } },
      "a",
      `bot|${PASSWORD}`,
    ],
    ["with an empty password", { auths: { a: { auth: base64("bot:") } } }, "a", "bot|"],
    [
      "in two fields",
      { auths: { a: { username: "b\u00fct", password: 'p"\\' } } },
      "a",
      'b\u00fct|p"\\',
    ],
    ["as an identity token", { auths: { a: { auth, identitytoken: "idt" } } }, "a", "|idt"],
    ["as a registry token", { auths: { a: { auth, registrytoken: "rt" } } }, "a", "token|rt"],
    ["no token", { auths: { a: { auth, identitytoken: null } } }, "a", `bot|${PASSWORD}`],
    ["left empty", { auths: { a: {} } }, "a", "none"],
    ["with a helper", { auths: { a: {} }, credsStore: "desktop" }, "a", "helper"],
    ["with a helper of its own", { credHelpers: { a: "gcloud" } }, "a", "helper"],
    ["with the helper of another", { credHelpers: { b: "gcloud" } }, "a", "none"],
    ["beside a helper", { auths: { a: { auth } }, credsStore: "desktop" }, "a", `bot|${PASSWORD}`],
    ["without a helper", { auths: {}, credsStore: "" }, "a", "none"],
    ["without a name", { auths: { a: { auth: base64(":pw") } } }, "a", "broken"],
    ["without a colon", { auths: { a: { auth: base64("botpw") } } }, "a", "broken"],
    ["in no base64", { auths: { a: { auth: "!" } } }, "a", "broken"],
    ["in no object", { auths: { a: 7 } }, "a", "broken"],
    ["in the older format", { a: { auth } }, "a", "broken"],
    ["in an array", [], "a", "broken"],
    ["under a name of Object's", { auths: {} }, "constructor", "none"],
  ])("%s", (_what, config, host, expected) => {
    expect(shown(loginInConfig(Buffer.from(JSON.stringify(config)), host))).toBe(expected);
  });

  it.each(["", "{", "null", `{"auths":{"a":{"auth":"${auth}"`])("broken text: %#", (text) => {
    expect(loginInConfig(Buffer.from(text), "a")).toBe("broken");
  });
});

describe("PullSecret", () => {
  let cats: App;
  beforeAll(async () => {
    cats = await newApp();
  });

  const config = JSON.stringify({ auths: { "ghcr.io": { auth } } });

  it("is opened when a host is asked for, each time", async () => {
    const prod = await cats.sealed("prod", "PULL", config);
    const project = cats.project(`[env.prod]\nPULL = ${prod}`);
    const o = { name: "PULL", environment: "prod", env: {} };
    expect(new PullSecret(project, { ...o, keyring: noKeyring }).isOfEnvironment).toBe(true);
    const secret = new PullSecret(project, { ...o, keyring: keyringOf(cats.pair) });
    const logins = [await secret.credentials("ghcr.io"), await secret.credentials("ghcr.io")];
    const expected = `bot|${PASSWORD}`;
    expect(logins.map((login) => login && shownLogin(login))).toEqual([expected, expected]);
    expect(await secret.credentials("docker.io")).toBeNull();
  });

  it("RI19: is looked for in the chosen environment first, then in [build_secrets]", async () => {
    const common = await cats.sealed("common", "PULL", "{}");
    const build = await cats.sealed("build", "PULL", config);
    const o = { name: "PULL", environment: "prod", keyring: keyringOf(cats.pair), env: {} };
    const both = cats.project(`[env.common]\nPULL = ${common}\n[build_secrets]\nPULL = ${build}`);
    const failure = await failureOf(new PullSecret(both, o).credentials("ghcr.io"), PASSWORD);
    expect(failure).toMatchObject({ code: "VALUE_INVALID", place: { key: "env.common.PULL" } });
    const secret = new PullSecret(cats.project(`[build_secrets]\nPULL = ${build}`), o);
    expect(secret.isOfEnvironment).toBe(false);
    const login = await secret.credentials("ghcr.io");
    expect(login && shownLogin(login)).toBe(`bot|${PASSWORD}`);
  });

  it("comes from Kubernetes, as the platform keeps it", async () => {
    const data = JSON.stringify({ data: { ".dockerconfigjson": base64(config) } });
    const env = fakeKubectl(`printf '%s' '${data}'`);
    const project = cats.project(
      '[env.prod]\nPULL = { secret = "regcred", key = ".dockerconfigjson" }',
    );
    const o = { name: "PULL", environment: "prod", keyring: noKeyring, env };
    const login = await new PullSecret(project, o).credentials("ghcr.io");
    expect(login && shownLogin(login)).toBe(`bot|${PASSWORD}`);
  });

  it("one that only a helper has is an error that says so", async () => {
    const sealed = await cats.sealed("prod", "PULL", JSON.stringify({ credsStore: "desktop" }));
    const project = cats.project(`[env.prod]\nPULL = ${sealed}`);
    const o = { name: "PULL", environment: "prod", keyring: keyringOf(cats.pair), env: {} };
    const failure = await failureOf(new PullSecret(project, o).credentials("ghcr.io"), "desktop");
    expect(failure).toMatchObject({
      code: "REGISTRY_LOGIN",
      message: expect.stringContaining("env.prod.PULL names a credential helper"),
    });
  });

  it("a name that is not there is found wrong before a key is looked for", () => {
    const project = cats.project('[env.prod]\nPULL = "x"');
    const o = { name: "PUL", environment: "prod", keyring: noKeyring, env: {} };
    expect(() => new PullSecret(project, o)).toThrow(/did you mean PULL\?/);
  });
});

describe("DO4: names of Docker Hub in [registries]", () => {
  it.each(["", "docker.io", "index.docker.io"])("%j", async (host) => {
    const cats = await newApp();
    const { manifest } = cats.project(`[registries."${host}"]\nusername = "bot"\npassword = "x"`);
    expect(manifest.registries.map((slot) => slot.host)).toEqual(["docker.io"]);
  });

  it("an empty host is none for [git]", async () => {
    const cats = await newApp();
    expect(() => cats.project('[git.""]\ntoken = "x"')).toThrow(/host name/);
  });
});
