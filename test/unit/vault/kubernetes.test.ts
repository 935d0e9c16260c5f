import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { openEnvironment, type OpenedEnvironment } from "../../../src/vault/environment.ts";
import { fakeKubectl, keyringOf, newApp, noKeyring, type App } from "./helpers.ts";
import { failureOf } from "../../support/failure.ts";

const CANARY = "kube-canary-11-lazurite";
const DATA = { password: CANARY, "tls.crt": "two\nlines\n" };
const JSON_OUTPUT = JSON.stringify(
  {
    apiVersion: "v1",
    data: Object.fromEntries(
      Object.entries(DATA).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
    ),
    kind: "Secret",
    metadata: { labels: { a: "}" }, name: "db-keys" },
  },
  null,
  4,
);
const GIVE = `echo "$@" >> "\${0%/*}/calls"\nenv > "\${0%/*}/env"\ncat <<'EOF'\n${JSON_OUTPUT}\nEOF`;
const DIRECT = `[env.common]\nDB_PASSWORD = { secret = "db-keys", key = "password" }`;

let cats: App;
beforeAll(async () => {
  cats = await newApp();
});

async function open(
  text: string,
  env: Record<string, string>,
  selection = {},
): Promise<OpenedEnvironment> {
  const options = { environment: "prod", keyring: noKeyring, env, selection };
  return openEnvironment(cats.project(text), options);
}

describe("values that come from Kubernetes", () => {
  it("are read from the namespace of app and environment, each secret once", async () => {
    const env = { ...fakeKubectl(GIVE), SEALMOUNT_KEY: "x", KUBECONFIG: "/k" };
    const url = `URL = { template = "pg://\${DB_PASSWORD}@db" }`;
    const cert = `CERT = { secret = "db-keys", key = "tls.crt" }`;
    using opened = await open(`${DIRECT}\n${url}\n${cert}`, env);
    const values = opened.entries.map(({ name, sensitive, value }) => [
      name,
      sensitive,
      value.use(String),
    ]);
    expect(values).toEqual([
      ["DB_PASSWORD", true, CANARY],
      ["URL", true, `pg://${CANARY}@db`],
      ["CERT", true, DATA["tls.crt"]],
    ]);
    const folder = dirname(join(env.PATH.split(":")[0] ?? "", "x"));
    expect(readFileSync(join(folder, "calls"), "utf8")).toBe(
      "get secret db-keys --namespace apps-cats-prod -o json\n",
    );
    const seen = readFileSync(join(folder, "env"), "utf8");
    expect(seen).toContain("KUBECONFIG=/k");
    expect(seen).not.toContain("SEALMOUNT_KEY");
  });

  it("[[secret_files]]: every key becomes one file", async () => {
    const text = `[[secret_files]]\nmount_path = "/app/secrets/"\nsecret = "db-keys"`;
    using opened = await open(text, fakeKubectl(GIVE));
    expect(
      opened.entries.map(({ name, file, sensitive }) => [name, file?.path, sensitive]),
    ).toEqual([
      ["db-keys/password", "/app/secrets/password", true],
      ["db-keys/tls.crt", "/app/secrets/tls.crt", true],
    ]);
    using none = await open(`${text}\n[env.prod]\nA = "x"`, {}, { only: ["A"] });
    expect(none.entries).toHaveLength(1);
    using left = await open(text, {}, { except: ["db-keys"] });
    expect(left.entries).toHaveLength(0);
  });

  it("RI25: keys of a secret are files of their own, of one question to the cluster", async () => {
    const env = fakeKubectl(GIVE);
    const text = [
      `[[secret_files]]\nmount_path = "/one.txt"\nsecret = "db-keys"\nkey = "password"`,
      `mode = "0400"\n[[secret_files]]\nmount_path = "/d/"\nsecret = "db-keys"`,
      `keys = ["tls.crt"]\nowner = "app"\n[[secret_files]]\nmount_path = "/all/"`,
      `secret = "db-keys"\nmode = "0440"`,
    ].join("\n");
    using opened = await open(text, env);
    expect(opened.entries.map(({ name, file, value }) => [name, file, value.use(String)])).toEqual([
      ["db-keys/password", { path: "/one.txt", mode: 0o400 }, CANARY],
      ["db-keys/tls.crt", { path: "/d/tls.crt", owner: "app", ownFolder: true }, DATA["tls.crt"]],
      ["db-keys/password", { path: "/all/password", mode: 0o440, ownFolder: true }, CANARY],
      ["db-keys/tls.crt", { path: "/all/tls.crt", mode: 0o440, ownFolder: true }, DATA["tls.crt"]],
    ]);
    expect(
      readFileSync(join(env.PATH.split(":")[0] ?? "", "calls"), "utf8").split("\n"),
    ).toHaveLength(2);
    using one = await open(text, env, { only: ["db-keys/password"] });
    expect(one.entries.map(({ file }) => file?.path)).toEqual(["/one.txt"]);
  });

  it("RI25: a key that the secret has not is an error with its place", async () => {
    const text = `[[secret_files]]\nmount_path = "/d/"\nsecret = "db-keys"\nkey = "nope"`;
    const failure = await failureOf(open(text, fakeKubectl(GIVE)), CANARY);
    expect(failure).toMatchObject({ code: "SECRET_PROVIDER", place: { column: 1 } });
    expect(failure.message).toContain('has no key "nope"');
  });

  it.each([
    ["no kubectl", null, "kubectl was not found in PATH"],
    ["no access", `echo 'Error from server (Forbidden): x' >&2; exit 1`, "kubectl has no access"],
    [
      "not logged in",
      `echo 'error: You must be logged in to the server' >&2; exit 1`,
      "kubectl has no access",
    ],
    [
      "no such secret",
      `echo 'Error from server (NotFound): x' >&2; exit 1`,
      "there is no Kubernetes secret db-keys",
    ],
    [
      "no cluster",
      `echo 'dial tcp: refused ${CANARY}' >&2; exit 1`,
      "kubectl failed with exit code 1",
    ],
    ["killed", "kill -9 $$", "kubectl failed by SIGKILL"],
    ["no such key", `echo '{"data":{"other":"eA=="}}'`, 'has no key "password"'],
    ["no key at all", `echo '{"data":null}'`, 'has no key "password"'],
    ["no JSON", `echo '${CANARY}'`, "kubectl printed no valid secret"],
    ["data that is no object", `echo '{"data":7}'`, "kubectl printed no valid secret"],
    ["no base64", `echo '{"data":{"password":"${CANARY}!"}}'`, "kubectl printed no valid secret"],
  ])("RI15: %s has an error of its own", async (_, script, message) => {
    const env = script === null ? { PATH: "/nowhere" } : fakeKubectl(script);
    const error = await failureOf(open(DIRECT, env), CANARY);
    expect(error).toMatchObject({ code: "SECRET_PROVIDER", exitCode: 3, place: { line: 6 } });
    expect(error.message).toContain(`env.common.DB_PASSWORD: `);
    expect(error.message).toContain(message);
  });

  it("a secret's name can be no option of kubectl", async () => {
    const text = `[env.prod]\nX = { secret = "--kubeconfig=/evil", key = "k" }`;
    const error = await failureOf(open(text, fakeKubectl(GIVE)));
    expect(error.message).toContain("can't be the name of a Kubernetes secret");
  });

  it("nothing stays open when the cluster fails", async () => {
    const sealed = await cats.sealed("prod", "A", CANARY);
    const project = cats.project(`${DIRECT}\n[env.prod]\nA = ${sealed}`);
    const env = { PATH: "/nowhere" };
    const options = { environment: "prod", keyring: keyringOf(cats.pair), env };
    expect((await failureOf(openEnvironment(project, options), CANARY)).code).toBe(
      "SECRET_PROVIDER",
    );
  });
});
