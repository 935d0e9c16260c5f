import { describe, expect, it } from "vitest";
import { publicKeyFor } from "../../../src/manifest/model.ts";
import { parseManifest } from "../../../src/manifest/parse.ts";
import { BOX, OTHER_BOX, OTHER_KEY, parse, PUBLIC_KEY } from "./fixtures.ts";

const WHOLE = `# the platform's own keys are read past
port = 3000
name = "platform-name"
default_environment = "prod"
applings = ["api", "services/worker/"]
started = 2020-01-01T07:32:00Z
[requests]
memory = "98Mi"
[postgres]

[seal]
app = "cats"
public_key = "${PUBLIC_KEY}"
require_bound = true
[seal.keys]
prod = "${OTHER_KEY}"

[env.common]
LOG_LEVEL = "info"
PORT = 3_000
DEBUG = false
API_KEY = { encrypted = "${BOX}" }
DB_PASSWORD = { secret = "db-keys", key = "password" }
DATABASE_URL = { template = "postgres://cats:\${DB_PASSWORD}@db/cats" }
TO_ASK = { prompt = "Which?", description = "a name", generate = "base64:32" }
WITH_DEFAULT = { default = 7, description = "a number" }
[env.prod]
API_KEY = { encrypted = "${OTHER_BOX}", expires = 2027-01-31, type = "opaque" }
"gcp.json" = { encrypted = "${BOX}", file = "/run/secrets/gcp.json", owner = "app", mode = "0440" }

[build_secrets]
npm-token = { encrypted = "${BOX}" }
"your-build-secret-id" = { encrypted = "${BOX}", cache = "value" }
docker-way = { encrypted = "${BOX}", cache = "off" }

[[secret_files]]
mount_path = "/app/secrets/"
secret = "my-secret"

[registries."ghcr.io"]
username = "bot"
password = { encrypted = "${BOX}" }
[git."github.com"]
token = { encrypted = "${BOX}" }
`;

describe("a whole manifest", () => {
  const manifest = parse(WHOLE);
  const common = manifest.environments.get("common");
  const prod = manifest.environments.get("prod");

  it("has the app, its keys by scope, and who may be refused", () => {
    expect(manifest.seal.app).toBe("cats");
    expect(manifest.seal.requireBound).toBe(true);
    expect(publicKeyFor(manifest.seal, "prod")).toBe(OTHER_KEY);
    expect(publicKeyFor(manifest.seal, "build")).toBe(PUBLIC_KEY);
  });

  it("RI1, RI12: plain and sealed values stand side by side, plain ones pass unchanged", () => {
    expect(common?.get("LOG_LEVEL")?.source).toEqual({ kind: "plain", value: "info" });
    expect(common?.get("API_KEY")?.source).toEqual({ kind: "sealed", encrypted: BOX });
  });

  it("takes numbers and booleans as the text that stands in the file", () => {
    expect(common?.get("PORT")?.source).toEqual({ kind: "plain", value: "3_000" });
    expect(common?.get("DEBUG")?.source).toEqual({ kind: "plain", value: "false" });
  });

  it("knows which build secrets a step depends on", () => {
    const caches = [...manifest.buildSecrets.values()].map(({ name, cache }) => [name, cache]);
    expect(caches).toEqual([
      ["npm-token", undefined],
      ["your-build-secret-id", "value"],
      ["docker-way", undefined],
    ]);
  });

  it("knows the other sources and declared names", () => {
    expect(common?.get("DB_PASSWORD")?.source).toEqual({
      kind: "kubernetes",
      secret: "db-keys",
      key: "password",
    });
    expect(common?.get("DATABASE_URL")?.source.kind).toBe("template");
    expect(common?.get("TO_ASK")).toMatchObject({
      source: { kind: "unset" },
      prompt: "Which?",
      description: "a name",
      generate: "base64:32",
    });
    expect(common?.get("WITH_DEFAULT")?.source).toEqual({ kind: "plain", value: "7" });
  });

  it("reads attributes, and gives each entry its place", () => {
    expect(prod?.get("API_KEY")).toMatchObject({
      expires: "2027-01-31",
      type: "opaque",
      scope: "prod",
    });
    expect(prod?.get("gcp.json")).toMatchObject({
      file: { path: "/run/secrets/gcp.json", owner: "app", mode: 0o440 },
      place: { file: "iterapp.toml", line: 29, column: 1, key: 'env.prod."gcp.json"' },
    });
    expect(common?.get("LOG_LEVEL")?.place).toEqual({
      file: "iterapp.toml",
      line: 19,
      column: 1,
      key: "env.common.LOG_LEVEL",
    });
  });

  it("IT14: ids of build secrets may be quoted and have dashes", () => {
    expect([...manifest.buildSecrets.keys()].slice(0, 2)).toEqual([
      "npm-token",
      "your-build-secret-id",
    ]);
    expect(manifest.buildSecrets.get("npm-token")?.scope).toBe("build");
  });

  it("reads secret files, slots, applings and the default environment", () => {
    expect(manifest.secretFiles).toMatchObject([
      { mountPath: "/app/secrets/", source: { kind: "secret", secret: "my-secret" } },
    ]);
    expect(manifest.registries).toMatchObject([
      { host: "ghcr.io", username: "bot", secret: { name: 'registries."ghcr.io".password' } },
    ]);
    expect(manifest.git).toMatchObject([{ host: "github.com", secret: { scope: "common" } }]);
    expect(manifest.applings).toEqual(["api", "services/worker"]);
    expect(manifest.defaultEnvironment).toBe("prod");
    expect(manifest.warnings).toEqual([]);
  });

  it("reads the same with a BOM and with CRLF after comments", () => {
    const entry = (text: string): unknown => [...parse(text).environments];
    expect(entry(`\uFEFF${WHOLE}`)).toEqual(entry(WHOLE));
    expect(entry(WHOLE.replaceAll("\n", "\r\n"))).toEqual(entry(WHOLE));
    expect(entry(`\uFEFF${WHOLE.replaceAll("\n", " # note\n")}`.replaceAll("\n", "\r\n"))).toEqual(
      entry(WHOLE),
    );
  });
});

describe("forms of the same entry", () => {
  const forms = {
    "inline table": `[env.prod]\nA = { encrypted = "${BOX}", mode = "0400", file = "a" }`,
    "section of its own": `[env.prod.A]\nencrypted = "${BOX}"\nmode = "0400"\nfile = "a"`,
    "dotted keys": `env.prod.A.encrypted = "${BOX}"\nenv.prod.A.mode = "0400"\nenv.prod.A.file = "a"`,
    "inline sections": `env = { prod = { A = { encrypted = "${BOX}", mode = "0400", file = "a" } } }`,
    "literal strings": `[env.prod]\nA = { encrypted = '${BOX}', mode = '0400', file = 'a' }`,
    "escapes in strings": `[env.prod]\n"\\u0041" = { encrypted = "${BOX}", mode = "0400", file = "a" }`,
  };
  it.each(Object.entries(forms))("IT11: %s", (_, text) => {
    expect(parse(text).environments.get("prod")?.get("A")).toMatchObject({
      source: { kind: "sealed", encrypted: BOX },
      file: { path: "a", mode: 0o400 },
    });
  });

  it.each(["O1H6jkrLdPx", "O1H6jkrLdPw=", "+/+/", "-_-_", "ab==", "abc="])(
    "IT11: the base64 of other tools is read (%s)",
    (encrypted) => {
      const { environments } = parse(`[env.common]\nA = { encrypted = "${encrypted}" }`);
      expect(environments.get("common")?.get("A")?.source).toEqual({ kind: "sealed", encrypted });
    },
  );

  it("IT27: a manifest of sealed values alone is read without a complaint or a warning", () => {
    expect(parse(`[env.common]\nTOKEN = { encrypted = "${BOX}" }\n`).warnings).toEqual([]);
  });
});

describe("names that JavaScript knows", () => {
  it.each(["constructor", "toString", "hasOwnProperty", "valueOf"])("%s is just a name", (name) => {
    const { environments } = parse(`[env.common]\n${name} = 1\n[env.prod]\n${name} = "x"\n`);
    expect([...(environments.get("common")?.keys() ?? [])]).toEqual([name]);
    expect([...(environments.get("prod")?.keys() ?? [])]).toEqual([name]);
  });
});

describe("the app's name", () => {
  const context = { file: "iterapp.toml", folderName: "folder" };
  const inherited = {
    app: "parent",
    publicKey: OTHER_KEY,
    keys: new Map(),
    requireBound: true,
    verify: true,
  };

  it("is its own, else the parent's, else the platform's, else the folder's", () => {
    const app = (text: string, parent?: typeof inherited): string =>
      parseManifest(text, { ...context, inherited: parent }).seal.app;
    expect(app('name = "platform"\n[seal]\napp = "own"', inherited)).toBe("own");
    expect(app('name = "platform"', inherited)).toBe("parent");
    expect(app('name = "platform"')).toBe("platform");
    expect(app('name = "not a name"')).toBe("folder");
    expect(app("")).toBe("folder");
  });

  it("an appling inherits what its own [seal] leaves out", () => {
    const text = `[seal]\npublic_key = "${PUBLIC_KEY}"\n[seal.keys]\nprod = "${OTHER_KEY}"`;
    const { seal } = parseManifest(text, {
      ...context,
      inherited: { ...inherited, keys: new Map([["build", OTHER_KEY]]) },
    });
    expect(seal).toMatchObject({
      app: "parent",
      publicKey: PUBLIC_KEY,
      requireBound: true,
      verify: true,
    });
    expect(parseManifest("[seal]\nverify = false", { ...context, inherited }).seal.verify).toBe(
      false,
    );
    expect([...seal.keys.keys()]).toEqual(["build", "prod"]);
  });
});

describe("near misses of our own top-level keys", () => {
  it.each([
    ["[build_secret]\n", "build_secrets"],
    ["[sealed]\n", "seal"],
    ["[registry]\n", undefined],
    ["[enviroment]\n", undefined],
    ["[evn.prod]\n", undefined],
    ["[envs.prod]\n", "env"],
    ["[postgres]\n", undefined],
    ['[[secret_file]]\nsecret = "x"\n', "secret_files"],
    ['appling = ["a"]\n', "applings"],
    ['image = "x"\n', undefined],
  ])("%j", (text, meant) => {
    const { warnings } = parse(text);
    expect(warnings).toHaveLength(meant === undefined ? 0 : 1);
    if (meant !== undefined) expect(warnings[0]?.message).toContain(meant);
  });
});
