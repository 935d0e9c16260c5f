import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { newKeyPair } from "../../../src/crypto/keypair.ts";
import { unseal } from "../../../src/crypto/seal.ts";
import type { Entry } from "../../../src/manifest/model.ts";
import { entryOf } from "../../../src/project/scopes.ts";
import { reloadProject } from "../../../src/project/project.ts";
import type { Project } from "../../../src/project/project.ts";
import { setSecret } from "../../../src/project/set.ts";
import type { SetOptions } from "../../../src/project/set.ts";
import { BOX, CANARY, OTHER_KEY } from "../manifest/fixtures.ts";
import { errorOf, keyPair, projectWith, secretOf, textOf } from "./fixtures.ts";

async function sealed(text: string): Promise<Project> {
  const { publicKey } = await keyPair();
  return projectWith(`[seal]\napp = "cats"\npublic_key = "${publicKey.text}"\n${text}`);
}

async function set(
  project: Project,
  o: Partial<SetOptions> & { readonly text?: string },
): Promise<Entry | undefined> {
  const { text = CANARY, ...options } = o;
  using value = secretOf(text);
  const target = { name: "API_KEY", scope: "common", ...options, value };
  await setSecret(project, target);
  return entryOf((await reloadProject(project)).manifest, target);
}

async function opened(entry: Entry | undefined): Promise<string> {
  if (entry?.source.kind !== "sealed") throw new Error("not sealed");
  const { name, scope } = entry;
  const { secret } = await unseal(entry.source.encrypted, [await keyPair()], {
    app: "cats",
    scope,
    name,
  });
  return secret.use((bytes) => bytes.toString());
}

/** Lines added and removed from one text to the other, as git counts them. */
async function numstat(project: Project, act: () => Promise<unknown>): Promise<string> {
  const git = (...args: string[]): string =>
    execFileSync("git", ["-C", project.folder, "-c", "core.autocrlf=false", ...args], {
      encoding: "utf8",
    });
  git("init", "-q");
  git("add", "iterapp.toml");
  await act();
  return git("diff", "--numstat").split("\t").slice(0, 2).join(" ");
}

describe("setSecret", () => {
  it("IX3: writes a sealed value that opens in its place, and no plaintext", async () => {
    const project = await sealed("");
    expect(await opened(await set(project, {}))).toBe(CANARY);
    expect(await textOf(project)).not.toContain(CANARY);
  });

  it("IX2: a second set changes only that line", async () => {
    const before = '# about\n[env.common]\nB = "x" # b\n\n# next\n[env.prod]\n# none\n';
    const project = await sealed(before);
    expect(await numstat(project, () => set(project, {}))).toBe("1 0");
    const again = await reloadProject(project);
    expect(await numstat(again, () => set(again, { text: "rotated" }))).toBe("1 1");
  });

  it("IX2: the same in a file with BOM, CRLF and no final line end", async () => {
    const { publicKey } = await keyPair();
    const text =
      `\uFEFF[seal] # s\r\napp = "cats"\r\npublic_key = "${publicKey.text}"\r\n` +
      `[env.common]\r\nAPI_KEY = { encrypted = "${BOX}", file = "/a" } # why`;
    const project = await projectWith(text);
    expect(await numstat(project, () => set(project, {}))).toBe("1 1");
    const [start, end] = text.split(BOX);
    const after = await textOf(project);
    expect(after.startsWith(start ?? "")).toBe(true);
    expect(after.endsWith(end ?? "")).toBe(true);
  });

  it("binds to app, scope and name; each scope has its own section", async () => {
    const project = await sealed("");
    expect((await set(project, { scope: "prod" }))?.place.key).toBe("env.prod.API_KEY");
    const again = await reloadProject(project);
    const build = await set(again, { scope: "build", name: "npm-token", text: "t" });
    expect(build?.place.key).toBe("build_secrets.npm-token");
    expect(await opened(build)).toBe("t");
  });

  it("keeps what the manifest says of a build secret's cache", async () => {
    const project = await sealed(
      '[build_secrets]\nt = { encrypted = "YWJj", cache = "value" } # c\n',
    );
    const entry = await set(project, { scope: "build", name: "t", text: "new" });
    expect([await opened(entry), entry?.cache]).toEqual(["new", "value"]);
    expect(await textOf(project)).toMatch(/^t = \{ encrypted = "[^"]+", cache = "value" \} # c$/m);
  });

  it("seals for the scope's own key when it has one", async () => {
    const project = await sealed(`[seal.keys]\nprod = "${OTHER_KEY}"\n`);
    const { publicKey } = await keyPair();
    using value = secretOf("x");
    const result = await setSecret(project, { name: "A", scope: "common", value });
    expect(result).toEqual({
      name: "A",
      scope: "common",
      replaced: false,
      keyId: publicKey.fingerprint,
      file: "iterapp.toml",
    });
    const again = await reloadProject(project);
    const prod = await setSecret(again, { name: "A", scope: "prod", value });
    expect(prod.keyId).not.toBe(publicKey.fingerprint);
  });

  it("RI8: the result is metadata only", async () => {
    const project = await sealed("");
    using value = secretOf(CANARY);
    const result = await setSecret(project, { name: "A", scope: "common", value });
    expect(JSON.stringify(result)).not.toContain(CANARY);
    expect(value.use((bytes) => bytes.toString())).toBe(CANARY);
  });

  it.each([
    ["a plain value", 'API_KEY = "plain" # c', "API_KEY = { encrypted = "],
    ["a Kubernetes reference", 'API_KEY = { secret = "a", key = "b" }', "{ encrypted = "],
    ["a default", 'API_KEY = { default = "x", description = "d" }', '{ description = "d", encr'],
    ["a template", 'API_KEY = { type = "opaque", template = "x" }', '{ type = "opaque", encr'],
    ["a declared name", 'API_KEY = { prompt = "?" }', '{ prompt = "?", encrypted = "'],
    ["another sealed value", `API_KEY = { mode = "0440", encrypted = "${BOX}", file = "a" }`, ""],
    ["a section of its own", `[env.common.API_KEY]\nmode = "0400"\nfile = "a"\n`, ""],
    ["dotted attributes", `API_KEY.file = "a"\nAPI_KEY.encrypted = "${BOX}"`, ""],
  ])("replaces %s and keeps the rest", async (_, row, wanted) => {
    const project = await sealed(`[env.common]\n${row}\n`);
    expect(await opened(await set(project, {}))).toBe(CANARY);
    const text = await textOf(project);
    expect(text).toContain(wanted);
    for (const kept of ["# c", 'mode = "0440"', 'mode = "0400"', 'file = "a"']) {
      expect(text.includes(kept)).toBe(row.includes(kept));
    }
  });

  it("writes file, owner, mode and what else is given, and keeps what is not", async () => {
    const project = await sealed("");
    const file = { path: "/run/secrets/k", owner: "app", mode: 0o440 };
    const entry = await set(project, { file, expires: "2027-01-31", type: "opaque" });
    expect(entry).toMatchObject({ file, expires: "2027-01-31", type: "opaque" });
    const again = await reloadProject(project);
    const moved = await set(again, { file: { path: "/other" }, description: 'a "b"' });
    expect(moved).toMatchObject({
      file: { path: "/other", owner: "app", mode: 0o440 },
      expires: "2027-01-31",
      description: 'a "b"',
    });
  });

  it("IX8: a name that is no env name is refused for env delivery, allowed for files and builds", async () => {
    const project = await sealed("");
    const error = await errorOf(set(project, { name: `${CANARY}!` }));
    expect(error).toMatchObject({ code: "USAGE", exitCode: 2 });
    await set(project, { name: "gcp.json", file: { path: "gcp.json" } });
    await set(await reloadProject(project), { name: "npm-token", scope: "build" });
  });

  const REFUSED: [Parameters<typeof set>[1], string][] = [
    [{ name: "__proto__" }, "USAGE"],
    [{ name: "" }, "USAGE"],
    [{ name: "a\u001b", file: { path: "a" } }, "USAGE"],
    [{ name: "a,b", scope: "build" }, "USAGE"],
    [{ scope: "a b" }, "USAGE"],
    [{ scope: "" }, "USAGE"],
    [{ scope: "__proto__" }, "USAGE"],
    [{ file: { path: "../a" } }, "USAGE"],
    [{ file: { path: "/" } }, "USAGE"],
    [{ file: { path: "a", owner: "a b" } }, "USAGE"],
    [{ expires: "soon" }, "USAGE"],
    [{ scope: "build", file: { path: "a" } }, "USAGE_CONFLICT"],
    [{ text: `${CANARY}\0` }, "VALUE_INVALID"],
    [{ text: "x".repeat(512_001), scope: "build" }, "BUILD_SECRET_SIZE"],
  ];
  it.each(REFUSED)("refuses bad input %# before anything is written", async (options, code) => {
    const project = await sealed("");
    expect(await errorOf(set(project, options))).toMatchObject({ code });
    expect(await textOf(project)).toBe(project.text);
  });

  it("takes newlines in variables, and NUL in files and build secrets", async () => {
    const project = await sealed("");
    expect(await opened(await set(project, { text: "a\nb\n" }))).toBe("a\nb\n");
    const again = await reloadProject(project);
    expect(await opened(await set(again, { text: "a\0b", file: { path: "a" } }))).toBe("a\0b");
    const third = await reloadProject(again);
    expect(await opened(await set(third, { text: "\0", scope: "build" }))).toBe("\0");
  });

  it("IX7, RI10: onlyNew refuses a name that has a value, and takes one that is declared", async () => {
    const project = await sealed('[env.common]\nAPI_KEY = "x"\nOTHER = { prompt = "?" }\n');
    const error = await errorOf(set(project, { onlyNew: true }));
    expect(error).toMatchObject({ code: "SECRET_EXISTS", exitCode: 9, place: { line: 5 } });
    expect(await opened(await set(project, { onlyNew: true, name: "OTHER" }))).toBe(CANARY);
  });

  it("names the way to a key when there is none", async () => {
    const project = await projectWith("");
    const error = await errorOf(set(project, {}));
    expect(error).toMatchObject({ code: "KEY_NOT_FOUND", exitCode: 4, hint: "sealmount key new" });
  });

  it("refuses when the manifest changed since it was read", async () => {
    const project = await sealed("");
    await set(project, {});
    expect(await errorOf(set(project, {}))).toMatchObject({ code: "MANIFEST_EDIT_REFUSED" });
  });

  it("refuses another entry's path for a file", async () => {
    const project = await sealed(`[env.common]\nA = { encrypted = "${BOX}", file = "/a" }\n`);
    const error = await errorOf(set(project, { file: { path: "/a" } }));
    expect(error).toMatchObject({ code: "MANIFEST_INVALID" });
    expect(await textOf(project)).toBe(project.text);
  });

  it("works for somebody who has no private key at all", async () => {
    const { publicKey } = await newKeyPair();
    const project = await projectWith(`[seal]\npublic_key = "${publicKey.text}"\n`);
    expect((await set(project, {}))?.source.kind).toBe("sealed");
  });
});

describe("RI25: a name that [[secret_files]] lists", () => {
  const list = '[[secret_files]]\nmount_path = "/d/"\nnames = ["tls.key"]\n';

  it("is set although no variable can be called so, and may hold NUL", async () => {
    const entry = await set(await sealed(list), { name: "tls.key", scope: "prod", text: "a\0b" });
    expect(entry?.file).toEqual({ path: "/d/tls.key", ownFolder: true });
    expect(await opened(entry)).toBe("a\0b");
  });

  it("takes no path of its own", async () => {
    const project = await sealed(list);
    const setting = set(project, { name: "tls.key", file: { path: "/other" } });
    expect(await errorOf(setting)).toMatchObject({ code: "MANIFEST_INVALID", exitCode: 3 });
    expect(await textOf(project)).toBe(project.text);
  });
});
