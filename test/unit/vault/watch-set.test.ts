import { expect, it } from "vitest";

import { newKeyPair } from "../../../src/crypto/keypair.ts";
import { openForWatch } from "../../../src/vault/watch-set.ts";
import { keyringOf, newApp } from "./helpers.ts";

async function named(...args: Parameters<typeof openForWatch>): Promise<Record<string, string>> {
  using set = await openForWatch(...args);
  return Object.fromEntries([...set].map((secret) => [secret.name, secret.use(String)]));
}

it("opens the values of all scopes and slots, and no plain ones", async () => {
  const app = await newApp();
  const slot = 'registries."ghcr.io".password';
  const project = app.project(`
[env.common]
PLAIN = "plain"
A = ${await app.sealed("common", "A", "value-a")}
T = { template = "x\${A}" }
K = { secret = "s", key = "k" }
[env.prod]
A = ${await app.sealed("prod", "A", "value-prod")}
[build_secrets]
npm = ${await app.sealed("build", "npm", "value-npm")}
[registries."ghcr.io"]
username = "bot"
password = ${await app.sealed("common", slot, "value-login")}
`);
  expect(await named(project, async () => keyringOf(app.pair)([]))).toEqual({
    "common/A": "value-a",
    "prod/A": "value-prod",
    "build/npm": "value-npm",
    [`common/${slot}`]: "value-login",
  });
});

it("knows the user names of slots, and the logins in a docker config.json", async () => {
  const app = await newApp();
  const slot = 'registries."ghcr.io".password';
  const config = '{"auths":{"a.example":{"username":"kit","password":"in-config"}}}';
  const project = app.project(`
[build_secrets]
pull = ${await app.sealed("build", "pull", config)}
[registries."ghcr.io"]
username = "bot"
password = ${await app.sealed("common", slot, "value-login")}
`);
  using set = await openForWatch(project, async () => keyringOf(app.pair)([]));
  const [pull, login] = [...set];
  expect(pull?.parts.map((part) => [part.username, part.use(String)])).toEqual([
    ["kit", "in-config"],
  ]);
  expect([pull?.username, login?.username]).toEqual([undefined, "bot"]);
});

it("leaves out without a word what does not open", async () => {
  const app = await newApp();
  const other = await newKeyPair();
  const project = app.project(
    `
[env.common]
GOOD = ${await app.sealed("common", "GOOD", "good")}
MOVED = ${await app.sealed("common", "OTHER", "moved")}
SHORT = { encrypted = "AAAA" }
[env.prod]
P = ${await app.sealed("prod", "P", "p")}
`,
    `[seal.keys]\nprod = "${other.publicKey.text}"`,
  );
  expect(await named(project, async () => keyringOf(app.pair)([]))).toEqual({
    "common/GOOD": "good",
  });
  expect(await named(project, async () => keyringOf()([]))).toEqual({});
});

it("asks for no key where nothing is sealed", async () => {
  const app = await newApp();
  const project = app.project('[env.common]\nA = "plain"\n');
  expect(await named(project, async () => Promise.reject(new Error("asked")))).toEqual({});
});
