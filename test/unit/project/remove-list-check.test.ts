import { describe, expect, it } from "vitest";
import { fingerprintOf } from "../../../src/crypto/keypair.ts";
import { checkManifest, checkNames } from "../../../src/project/check.ts";
import { listSecrets } from "../../../src/project/list.ts";
import { reloadProject } from "../../../src/project/project.ts";
import { removeSecret } from "../../../src/project/remove.ts";
import { BOX, CANARY, OTHER_KEY, PUBLIC_KEY, summary } from "../manifest/fixtures.ts";
import { errorOf, projectWith, textOf } from "./fixtures.ts";

const LONG = Buffer.alloc(20_000).toString("base64url");
const TEXT = `[seal]
public_key = "${PUBLIC_KEY}"
[seal.keys]
build = "${OTHER_KEY}"

[env.common]
# about A
A = { encrypted = "${BOX}" } # own
B = "${CANARY}"
URL = { template = "http://\${A}:\${C}/" }
[env.prod]
A = { encrypted = "${BOX}", file = "/a", mode = "0440", expires = 2027-01-31 }
C = { secret = "s", key = "k" }
D = { prompt = "?" }
[build_secrets]
npm-token = { encrypted = "${LONG}", cache = "value" }
[registries."ghcr.io"]
password = { encrypted = "${BOX}" }
`;

describe("removeSecret", () => {
  it("IX24: removes one line and keeps the comments", async () => {
    const project = await projectWith(TEXT);
    const result = await removeSecret(project, { name: "B", scope: "common" });
    expect(result).toEqual({ name: "B", scope: "common", file: "iterapp.toml" });
    expect(await textOf(project)).toBe(TEXT.replace(`B = "${CANARY}"\n`, ""));
  });

  it("IX24: finds the only scope that has the name", async () => {
    const project = await projectWith(TEXT);
    expect((await removeSecret(project, { name: "npm-token" })).scope).toBe("build");
    const again = await reloadProject(project);
    expect((await removeSecret(again, { name: "D" })).scope).toBe("prod");
  });

  it("asks which one when several scopes have it", async () => {
    const error = await errorOf(removeSecret(await projectWith(TEXT), { name: "A" }));
    expect(error).toMatchObject({
      code: "USAGE_CONFLICT",
      exitCode: 2,
      hint: "choose one: common, prod",
    });
  });

  it.each([
    [{ name: "nope", scope: "common" }, "sealmount ls"],
    [{ name: "npm_token" }, "did you mean npm-token?"],
    [{ name: "B", scope: "prod" }, "it is in: common"],
    [{ name: "A", scope: "staging" }, "it is in: common, prod"],
  ])("IX24: %j exits 3, with a hint", async (o, hint) => {
    const project = await projectWith(TEXT);
    const error = await errorOf(removeSecret(project, o));
    expect(error).toMatchObject({ code: "SECRET_MISSING", exitCode: 3, hint });
    expect(await textOf(project)).toBe(TEXT);
  });

  it("RI30, RI31: refuses what a template needs, and does it with force", async () => {
    const project = await projectWith(TEXT);
    const error = await errorOf(removeSecret(project, { name: "A", scope: "common" }));
    expect(error).toMatchObject({ code: "POLICY", exitCode: 9, place: { key: "env.common.URL" } });
    await removeSecret(project, { name: "A", scope: "common", force: true });
    expect(await textOf(project)).not.toContain("# own");
    expect(await textOf(project)).toContain("# about A");
  });

  it("lets an environment's own value go when the common one takes its place", async () => {
    const project = await projectWith(TEXT);
    await removeSecret(project, { name: "A", scope: "prod" });
    const again = await reloadProject(project);
    expect(await errorOf(removeSecret(again, { name: "C", scope: "prod" }))).toMatchObject({
      code: "POLICY",
    });
  });
});

describe("listSecrets", () => {
  it("IX20, IX21: names and metadata of every scope, never a value", async () => {
    const infos = listSecrets(await projectWith(TEXT));
    expect(JSON.stringify(infos)).not.toContain(CANARY);
    expect(infos.map(({ name, scope, kind }) => `${scope}/${name} ${kind}`)).toEqual([
      "common/A sealed",
      "common/B plain",
      "common/URL template",
      "prod/A sealed",
      "prod/C kubernetes",
      "prod/D unset",
      "build/npm-token sealed",
      'common/registries."ghcr.io".password sealed',
    ]);
    expect(infos[0]).toEqual({
      name: "A",
      scope: "common",
      kind: "sealed",
      keyId: fingerprintOf(PUBLIC_KEY),
      lengthClass: "short",
      place: { file: "iterapp.toml", line: 8, column: 1, key: "env.common.A" },
    });
    expect(infos[1]).not.toHaveProperty("lengthClass");
    expect(infos[3]).toMatchObject({ file: { path: "/a", mode: 0o440 }, expires: "2027-01-31" });
    expect(infos[6]).toMatchObject({
      keyId: fingerprintOf(OTHER_KEY),
      lengthClass: "long",
      cache: "value",
    });
  });

  it("RI27: one environment has its own and what is common", async () => {
    const infos = listSecrets(await projectWith(TEXT), { environment: "prod" });
    expect(infos.map(({ name, scope }) => `${scope}/${name}`)).toEqual([
      "prod/A",
      "common/B",
      "common/URL",
      "prod/C",
      "prod/D",
    ]);
  });
});

describe("checkNames", () => {
  it.each([
    [undefined, ["A", "npm-token", "C"], []],
    ["prod", ["A", "B", "C"], []],
    ["prod", ["A", "D", "X", "npm-token", "X"], ["D", "X", "npm-token"]],
    ["test", ["A", "C"], ["C"]],
    [undefined, ["constructor", "__proto__", ""], ["constructor", "__proto__", ""]],
  ])("IX22, IX23: in %s, of %j are missing %j", async (environment, names, missing) => {
    expect(checkNames(await projectWith(TEXT), { environment, names })).toEqual({ missing });
  });
});

describe("checkManifest", () => {
  const at = (text: string): Date => new Date(text);

  it("finds what is declared but not set", async () => {
    const issues = checkManifest(await projectWith(TEXT), { now: at("2027-01-31T12:00:00Z") });
    expect(summary(issues)).toEqual(["14:1 env.prod.D SECRET_MISSING"]);
    expect(issues[0]?.hint).toBe("sealmount set D --env prod");
  });

  it("finds what has expired, the day after", async () => {
    const issues = checkManifest(await projectWith(TEXT), { now: at("2027-02-01T00:00:01Z") });
    expect(summary(issues)).toEqual(["12:1 env.prod.A POLICY", "14:1 env.prod.D SECRET_MISSING"]);
  });

  it.each(["DB_PASSWORD", "API_KEY", "GITHUB_TOKEN", "MY_SECRET", "client_secret"])(
    "IT5: finds a plain value under the name %s",
    async (name) => {
      const project = await projectWith(`[env.prod]\n${name} = "${CANARY}"\n`);
      const issues = checkManifest(project);
      expect(summary(issues)).toEqual([`2:1 env.prod.${name} POLICY`]);
      expect(JSON.stringify(issues)).not.toContain(CANARY);
    },
  );

  it.each(["KEYBOARD", "SECRETARY", "TOKENIZER", "PUBLIC_KEY", "PORT"])(
    "leaves a plain value under the name %s alone",
    async (name) => {
      expect(checkManifest(await projectWith(`[env.prod]\n${name} = "x"\n`))).toEqual([]);
    },
  );

  it("IT27: passes a manifest with sealed values only", async () => {
    const text = `[seal]\npublic_key = "${PUBLIC_KEY}"\n[env.common]\nTOKEN = { encrypted = "${BOX}" }\n`;
    expect(checkManifest(await projectWith(text), { strict: true })).toEqual([]);
  });

  it("strict: also near misses, plain build secrets, and scopes without a key", async () => {
    const text = `[build_secret]\n[env.common]\nA = { encrypted = "${BOX}" }\n[build_secrets]\nnpm = "${CANARY}"\n`;
    const project = await projectWith(text);
    expect(checkManifest(project)).toEqual([]);
    expect(summary(checkManifest(project, { strict: true }))).toEqual([
      "1:1 build_secret MANIFEST_INVALID",
      "3:1 env.common.A KEY_NOT_FOUND",
      "5:1 build_secrets.npm POLICY",
    ]);
  });
});

describe("RI25: [[secret_files]]", () => {
  const FILES = `[seal]
public_key = "${PUBLIC_KEY}"
[env.common]
A = { encrypted = "${BOX}" }
[env.prod]
B = { encrypted = "${BOX}" }
[[secret_files]]
mount_path = "/d/"
names = ["A", "B", "AB"]
[[secret_files]]
mount_path = "/url"
template = "\${ A }\${C}$\${B}"
mode = "0440"
[[secret_files]]
mount_path = "/k/"
secret = "db"
key = "pw"
[[secret_files]]
mount_path = "/whole"
secret = "all"
owner = "app"
`;

  it("ls shows each with its file, and a whole secret with its folder", async () => {
    const project = await projectWith(FILES);
    const shown = (infos: ReturnType<typeof listSecrets>): string[] =>
      infos.map(({ name, kind, file }) => `${kind} ${name} ${file?.path}`);
    const added = ["template /url /url", "kubernetes db/pw /k/pw", "kubernetes all /whole/"];
    const own = ["sealed A /d/A", "sealed B /d/B"];
    expect(shown(listSecrets(project))).toEqual([...own, ...added]);
    expect(shown(listSecrets(project, { environment: "prod" }))).toEqual([
      ...own,
      "unset AB /d/AB",
      ...added,
    ]);
  });

  it("check finds what an environment lacks, with its place and what was meant", async () => {
    const issues = checkManifest(await projectWith(`${FILES}[env.test]\nX = "1"\n`));
    expect(issues.map(({ message, hint, place }) => `${place.line}: ${message} → ${hint}`)).toEqual(
      [
        "9: B becomes part of a file, and is not set in: test → sealmount set B --env test",
        "9: AB becomes part of a file, and is not set in: prod, test; did you mean A? → sealmount set AB --common",
        "12: C becomes part of a file, and is not set in: prod, test; did you mean A? → sealmount set C --common",
      ],
    );
    expect(issues.every(({ code }) => code === "SECRET_MISSING")).toBe(true);
  });

  it("check finds a template that is not closed, also without any environment", async () => {
    const text = '[[secret_files]]\nmount_path = "/u"\ntemplate = "${A"\n';
    const names = '[[secret_files]]\nmount_path = "/d/"\nnames = ["A"]\n';
    expect(summary(checkManifest(await projectWith(text + names)))).toEqual([
      '3:1 secret_files."/u" MANIFEST_INVALID',
      "6:1 secret_files.names SECRET_MISSING",
    ]);
  });

  it.each([
    [{ name: "A", scope: "common" }, 'the template of "/url" and 1 more needs A'],
    [{ name: "B", scope: "prod" }, "a list of [[secret_files]] needs B"],
  ])("rm of %j is refused while a file needs it", async (o, message) => {
    const project = await projectWith(FILES);
    expect(await errorOf(removeSecret(project, o))).toMatchObject({
      code: "POLICY",
      exitCode: 9,
      message,
      place: { line: expect.any(Number) },
    });
    await removeSecret(project, { ...o, force: true });
    expect((await reloadProject(project)).manifest.secretFiles).toHaveLength(4);
  });

  it("rm takes what another scope still has", async () => {
    const project = await projectWith(FILES.replace("[env.prod]", `[env.prod]\nA = "x"`));
    await removeSecret(project, { name: "A", scope: "prod" });
  });
});
