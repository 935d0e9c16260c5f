import { beforeAll, describe, expect, it } from "vitest";
import { openEnvironment, type OpenOptions, planEntries } from "../../../src/vault/environment.ts";
import type { VaultProject } from "../../../src/vault/open-entries.ts";
import { sealRaw } from "../crypto/raw-box.ts";
import { keyringOf, newApp, noKeyring, type App } from "./helpers.ts";
import { failureOf } from "../../support/failure.ts";

const CANARY = "vault-canary-93-feldspar";

let cats: App;
let prod: string;
let common: string;
beforeAll(async () => {
  cats = await newApp();
  prod = await cats.sealed("prod", "API_KEY", `${CANARY}-prod`);
  common = await cats.sealed("common", "API_KEY", `${CANARY}-common`);
});

async function open(
  project: VaultProject,
  options: Partial<OpenOptions> = {},
): Promise<Record<string, string>> {
  const keyring = keyringOf(cats.pair);
  const defaults = { environment: "prod", keyring, env: {} };
  using opened = await openEnvironment(project, { ...defaults, ...options });
  return Object.fromEntries(opened.entries.map((e) => [e.name, e.value.use(String)]));
}

describe("openEnvironment", () => {
  it("IT1, IT2, RI26: one name has another value in each environment, over that of common", async () => {
    const text = `[env.common]\nAPI_KEY = ${common}\n[env.prod]\nAPI_KEY = ${prod}`;
    const project = cats.project(text);
    expect(await open(project)).toEqual({ API_KEY: `${CANARY}-prod` });
    expect(await open(project, { environment: "test" })).toEqual({ API_KEY: `${CANARY}-common` });
  });

  it("RI1, RI12: plain values stand beside sealed ones, and are not sensitive", async () => {
    const text = `[env.prod]\nAPI_KEY = ${prod}\nLOG_LEVEL = "info"\nURL = { template = "\${API_KEY}" }\nL = { template = "\${LOG_LEVEL}!" }`;
    const keyring = keyringOf(cats.pair);
    const options = { environment: "prod", keyring, env: {} };
    using opened = await openEnvironment(cats.project(text), options);
    const marks = opened.entries.map(({ name, sensitive }) => [name, sensitive]);
    expect(Object.fromEntries(marks)).toEqual({
      API_KEY: true,
      LOG_LEVEL: false,
      URL: true,
      L: false,
    });
  });

  it("RI14: values are the same byte for byte, newlines and UTF-8 included", async () => {
    const value = `two\nlines\r\n\t"æøå" 猫 😀 '\\`;
    const text = `[env.prod]\nX = ${await cats.sealed("prod", "X", value)}`;
    expect(await open(cats.project(text))).toEqual({ X: value });
  });

  it("looks for no key when nothing is sealed, or nothing sealed is selected", async () => {
    expect(await open(cats.project(`[env.prod]\nA = "x"`), { keyring: noKeyring })).toEqual({
      A: "x",
    });
    const project = cats.project(`[env.prod]\nA = "x"\nAPI_KEY = ${prod}`);
    const selection = { only: ["A"] };
    expect(await open(project, { keyring: noKeyring, selection })).toEqual({ A: "x" });
    expect(await open(project, { keyring: noKeyring, environment: "none" })).toEqual({});
  });

  it("asks the keyring for the public keys of what is to be opened", async () => {
    const asked: (readonly string[])[] = [];
    const keyring: OpenOptions["keyring"] = async (wanted) => {
      asked.push(wanted);
      return keyringOf(cats.pair)(wanted);
    };
    await open(cats.project(`[env.prod]\nAPI_KEY = ${prod}`), { keyring });
    expect(asked).toEqual([[cats.pair.publicKey.text]]);
  });

  it("IX9, IX13: opens nothing that is not selected", async () => {
    const broken = `{ encrypted = "AAAA" }`;
    const project = cats.project(`[env.common]\nB = ${broken}\n[env.prod]\nAPI_KEY = ${prod}`);
    const expected = { API_KEY: `${CANARY}-prod` };
    expect(await open(project, { selection: { only: ["API_*"] } })).toEqual(expected);
    expect(await open(project, { selection: { noCommon: true } })).toEqual(expected);
  });

  it("fills templates from the overlaid environment, also from what is not selected", async () => {
    const project = cats.project(
      `[env.common]\nHOST = "db"\nURL = { template = "pg://u:\${API_KEY}@\${HOST}/$\${x}" }\n[env.prod]\nHOST = "prod-db"\nAPI_KEY = ${prod}`,
    );
    expect(await open(project, { selection: { only: ["URL"] } })).toEqual({
      URL: `pg://u:${CANARY}-prod@prod-db/\${x}`,
    });
  });

  it("IX30: names that are declared but not set fail all at once, before a key is looked for", async () => {
    const text = `[env.common]\nA = { description = "x" }\n[env.prod]\nB = { prompt = true }\nAPI_KEY = ${prod}`;
    const error = await failureOf(open(cats.project(text), { keyring: noKeyring }));
    expect(error).toMatchObject({
      code: "SECRET_MISSING",
      exitCode: 3,
      issues: [
        { message: "env.common.A has no value yet", hint: "sealmount set A" },
        { message: "env.prod.B has no value yet", hint: "sealmount set B --env prod" },
      ],
    });
  });

  it("IX29, RI15: a selected name that does not exist fails before a key is looked for", async () => {
    const project = cats.project(`[env.prod]\nAPI_KEY = ${prod}`);
    const selection = { only: ["API_KEY", "GONE"] };
    const error = await failureOf(open(project, { keyring: noKeyring, selection }));
    expect(error.hint).toBe("sealmount set GONE --env prod");
  });

  it("IT16: a ciphertext moved to another name or environment fails with its place", async () => {
    const error = await failureOf(open(cats.project(`[env.prod]\nOTHER = ${prod}`)), CANARY);
    expect(error).toMatchObject({ code: "UNSEAL_BOUND_ELSEWHERE", place: { line: 6 } });
    const moved = open(cats.project(`[env.test]\nAPI_KEY = ${prod}`), { environment: "test" });
    expect((await failureOf(moved)).message).toMatch(/^env\.test\.API_KEY .*env\.prod\.API_KEY/);
  });

  it("DO9: another app's key does not open it, and the missing key is named", async () => {
    const dogs = await newApp("dogs");
    const project = cats.project(`[env.prod]\nAPI_KEY = ${prod}`);
    const error = await failureOf(open(project, { keyring: keyringOf(dogs.pair) }), CANARY);
    expect(error.code).toBe("UNSEAL_WRONG_KEY");
    expect(error.message).toContain(cats.pair.publicKey.fingerprint);
    expect(error.hint).toContain("SEALMOUNT_KEY, key_command");
    const moved = {
      manifest: { ...project.manifest, seal: { ...project.manifest.seal, app: "dogs" } },
    };
    expect((await failureOf(open(moved))).message).toContain("sealed for another app");
  });

  it("keys per scope: each value is opened with its own", async () => {
    const other = await newApp();
    const test = await other.sealed("test", "API_KEY", "for test");
    const seal = `[seal.keys]\ntest = "${other.pair.publicKey.text}"`;
    const project = cats.project(
      `[env.test]\nAPI_KEY = ${test}\n[env.prod]\nAPI_KEY = ${prod}`,
      seal,
    );
    const keyring = keyringOf(cats.pair, other.pair);
    expect(await open(project, { environment: "test", keyring })).toEqual({ API_KEY: "for test" });
    const error = await failureOf(open(project, { environment: "test" }));
    expect(error.message).toContain(other.pair.publicKey.fingerprint);
  });

  it("an unbound box opens with a warning, or is refused", async () => {
    const text = `[env.prod]\nRAW = { encrypted = "${await sealRaw(cats.pair, CANARY)}" }`;
    const options = { environment: "prod", keyring: keyringOf(cats.pair), env: {} };
    using opened = await openEnvironment(cats.project(text), options);
    expect(opened.warnings).toMatchObject([
      { code: "UNSEAL_UNBOUND", hint: "sealmount set RAW --env prod" },
    ]);
    const strict = cats.project(text, "require_bound = true");
    expect((await failureOf(open(strict), CANARY)).code).toBe("UNSEAL_UNBOUND");
  });

  it("wipes everything when it is disposed", async () => {
    const project = cats.project(`[env.prod]\nAPI_KEY = ${prod}`);
    const options = { environment: "prod", keyring: keyringOf(cats.pair), env: {} };
    const opened = await openEnvironment(project, options);
    opened[Symbol.dispose]();
    expect(() => opened.entries[0]?.value.use(String)).toThrow(/was wiped/);
  });
});

describe("values that no variable can carry", () => {
  it.each<[string, string | Buffer, string]>([
    ["NUL", `${CANARY}\0x`, "holds a NUL byte"],
    ["no UTF-8", Buffer.from([0xff, 0xfe]), "is not UTF-8 text"],
    [
      "more than 128 KiB",
      "x".repeat(128 * 1024 - 2),
      "is larger than an environment variable may be",
    ],
  ])("%s: refused with the place, and fine as a file", async (_, value, message) => {
    const sealed = await cats.sealed("prod", "X", value);
    const error = await failureOf(open(cats.project(`[env.prod]\nX = ${sealed}`)), CANARY);
    expect(error).toMatchObject({ code: "VALUE_INVALID", exitCode: 3, place: { line: 6 } });
    expect(error.message).toContain(`env.prod.X ${message}`);
    expect(error.hint).toContain('file = "/run/secrets/X"');
    const asFile = cats.project(
      `[env.prod]\nX = ${sealed.replace(" }", ', file = "/run/secrets/x" }')}`,
    );
    expect(await open(asFile)).toHaveProperty("X");
    expect(
      await open(cats.project(`[env.prod]\nX = ${sealed}`), { asFiles: ["X"] }),
    ).toHaveProperty("X");
  });

  it("128 KiB with name and NUL is the longest", async () => {
    const sealed = await cats.sealed("prod", "X", "x".repeat(128 * 1024 - 3));
    expect((await open(cats.project(`[env.prod]\nX = ${sealed}`)))["X"]).toHaveLength(131_069);
  });
});

describe("RI25: [[secret_files]] of names and templates", () => {
  const folder =
    '[[secret_files]]\nmount_path = "/d/"\nnames = ["API_KEY", "tls.key"]\nmode = "0440"\n';
  // what a shell or TOML would read otherwise: $5 stays, \\n is a line end
  const template =
    '[[secret_files]]\nmount_path = "/d/url"\ntemplate = "x://${API_KEY}@$${API_KEY} $5 \\n"\n';

  async function project(more = ""): Promise<VaultProject> {
    const tls = await cats.sealed("common", "tls.key", Buffer.from([0, 255, 10]));
    const text = `[env.common]\nAPI_KEY = ${common}\n"tls.key" = ${tls}\n[env.prod]\nAPI_KEY = ${prod}\n`;
    return cats.project(`${text}${folder}${template}${more}`);
  }

  it("names become files in place of variables, and a template is rendered as any other", async () => {
    const options = { environment: "prod", keyring: keyringOf(cats.pair), env: {} };
    using opened = await openEnvironment(await project(), options);
    const files = opened.entries.map(({ name, file, sensitive, value }) => [
      name,
      file,
      sensitive,
      value.use((bytes) => bytes.toString("latin1")),
    ]);
    const inFolder = { mode: 0o440, ownFolder: true };
    expect(files).toEqual([
      ["API_KEY", { path: "/d/API_KEY", ...inFolder }, true, `${CANARY}-prod`],
      ["tls.key", { path: "/d/tls.key", ...inFolder }, true, "\0\u00ff\n"],
      ["/d/url", { path: "/d/url" }, true, `x://${CANARY}-prod@\${API_KEY} $5 \n`],
    ]);
  });

  it("are planned without a key", async () => {
    const planned = planEntries(await project(), { environment: "prod" });
    expect(planned.map(({ name, file }) => `${name} ${file?.path}`)).toEqual([
      "API_KEY /d/API_KEY",
      "tls.key /d/tls.key",
      "/d/url /d/url",
    ]);
  });

  it("are picked by their names; a template opens what it needs by itself", async () => {
    const only = { selection: { only: ["/d/url"] } };
    expect(Object.keys(await open(await project(), only))).toEqual(["/d/url"]);
    const except = { selection: { except: ["API_KEY", "/d/*"] } };
    expect(Object.keys(await open(await project(), except))).toEqual(["tls.key"]);
  });

  it("a template has another value in each environment", async () => {
    const test = await open(await project(), { environment: "test" });
    expect(test["/d/url"]).toContain(`${CANARY}-common`);
  });

  it.each([
    ['names = ["NOPE", "API_KEY"]', "SECRET_MISSING", /^sealmount set NOPE --env prod$/],
    ['template = "${NOPE}"', "SECRET_MISSING", /^sealmount set NOPE/],
    ['template = "${API_KEYS}"', "SECRET_MISSING", /^sealmount set API_KEYS/],
    ['template = "${NOPE"', "MANIFEST_INVALID", /write \$\{NAME\}/],
  ])("%s fails before a key is looked for", async (line, code, hint) => {
    const path = line.startsWith("names") ? "/e/" : "/e/f";
    const more = `[[secret_files]]\nmount_path = "${path}"\n${line}\n`;
    const alone = cats.project(`[env.prod]\nOTHER = ${prod}\n${more}`);
    const options = { environment: "prod", keyring: noKeyring, env: {} };
    const failure = await failureOf(openEnvironment(alone, options), CANARY);
    expect(failure).toMatchObject({ code, hint: expect.stringMatching(hint) });
    const item = alone.manifest.secretFiles[0]?.place.line ?? 0;
    expect(failure.place).toMatchObject({ line: item + 1, column: 1 });
  });

  it("nobody asks for a missing name that is left out", async () => {
    const more = '[[secret_files]]\nmount_path = "/e/"\nnames = ["NOPE"]\n';
    const opened = await open(await project(more), { selection: { except: ["NOPE"] } });
    expect(Object.keys(opened)).toHaveLength(3);
  });
});
