import { describe, expect, it } from "vitest";
import type { Entry, Manifest } from "../../../src/manifest/model.ts";
import { overlayEnvironment } from "../../../src/manifest/overlay.ts";
import { BOX, CANARY, issuesOf, parse, summary } from "./fixtures.ts";

/** `[[secret_files]]` with these lines. */
function item(...lines: readonly string[]): string {
  return ["[[secret_files]]", ...lines, ""].join("\n");
}

/** Entries of an environment that are files, as `name path owner mode`. */
function filesOf(manifest: Manifest, environment = "prod"): string[] {
  const entries = [...overlayEnvironment(manifest, environment).values()];
  return entries.flatMap(({ name, file, source }: Entry) => {
    if (file === undefined) return [];
    const mode = file.mode?.toString(8) ?? "-";
    const folder = file.ownFolder === true ? " folder" : "";
    return [`${source.kind} ${name} ${file.path} ${file.owner ?? "-"} ${mode}${folder}`];
  });
}

describe("RI25: [[secret_files]] that are valid", () => {
  it.each<[string, string, readonly string[]]>([
    ["a whole secret, whose files only the cluster knows", 'secret = "db"', []],
    ["one key, in a folder", 'secret = "db"\nkey = "pw"', ["kubernetes db/pw /d/pw - - folder"]],
    [
      "many keys",
      'secret = "db"\nkeys = ["pw", "tls.key"]',
      ["kubernetes db/pw /d/pw - - folder", "kubernetes db/tls.key /d/tls.key - - folder"],
    ],
    [
      "many names, with owner and mode",
      'names = ["API_KEY", "tls.key"]\nowner = "app"\nmode = "0440"',
      ["sealed API_KEY /d/API_KEY app 440 folder", "sealed tls.key /d/tls.key app 440 folder"],
    ],
    ["a name that is nowhere", 'names = ["NOPE"]', ["unset NOPE /d/NOPE - - folder"]],
  ])("%s", (_what, lines, files) => {
    const listed = lines.includes("tls.key") && lines.includes("names");
    const tls = listed ? `"tls.key" = { encrypted = "${BOX}" }\n` : "";
    const env = `[env.common]\nAPI_KEY = { encrypted = "${BOX}" }\n${tls}`;
    expect(filesOf(parse(env + item('mount_path = "/d/"', lines)))).toEqual(files);
  });

  it.each<[string, string, string]>([
    [
      "one key, as that very file",
      'secret = "db"\nkey = "pw"\nmode = "0400"',
      "kubernetes db/pw /d/f - 400",
    ],
    ["a template", 'template = "x${A}"\nowner = "1:2"', "template /d/f /d/f 1:2 -"],
  ])("%s", (_what, lines, file) => {
    expect(filesOf(parse(item('mount_path = "/d/f"', lines)))).toEqual([file]);
  });

  it("a whole secret needs no slash, as on the platform", () => {
    const [files] = parse(item('mount_path = "/d"', 'secret = "db"')).secretFiles;
    expect(files).toMatchObject({ mountPath: "/d", source: { kind: "secret", secret: "db" } });
  });

  it("a name is a file in each section that has it, and in common's place", () => {
    const text =
      `[env.common]\nA = "x"\nB = "y"\n[env.prod]\nA = "z"\n` +
      item('mount_path = "/d/"', 'names = ["A"]');
    const manifest = parse(text);
    expect(filesOf(manifest, "prod")).toEqual(["plain A /d/A - - folder"]);
    expect(filesOf(manifest, "test")).toEqual(["plain A /d/A - - folder"]);
  });

  it("a name that is nowhere says where it was asked for", () => {
    const manifest = parse(item('mount_path = "/d/"', 'names = ["a.b"]'));
    expect(overlayEnvironment(manifest, "prod").get("a.b")).toMatchObject({
      scope: "prod",
      place: { line: 3, column: 1, key: 'secret_files.names."a.b"' },
    });
  });

  it("keys that we don't know are the platform's: a warning", () => {
    const { warnings } = parse(item('mount_path = "/d/"', 'secret = "db"', 'replicas = "x"'));
    expect(summary(warnings)).toEqual(["4:1 secret_files.replicas MANIFEST_INVALID"]);
  });
});

describe("RI25: [[secret_files]] that are not valid", () => {
  const path = 'mount_path = "/d/"';
  const file = 'mount_path = "/d/f"';

  it.each<[string, readonly string[], string, RegExp]>([
    ["nothing to deliver", [path], "2:1 secret_files.secret", /names = \["…"\] or template/],
    ["no path", ['secret = "db"'], "2:1 secret_files.mount_path", /^$/],
    [
      "the root",
      ['mount_path = "/"', 'secret = "db"'],
      "2:1 secret_files.mount_path",
      /for a folder/,
    ],
    [
      "a relative path",
      ['mount_path = "d/"', 'secret = "db"'],
      "2:1 secret_files.mount_path",
      /folder/,
    ],
    [
      "a path with ..",
      ['mount_path = "/d/../e/"', 'secret = "db"'],
      "2:1 secret_files.mount_path",
      /folder/,
    ],
    [
      "a path with //",
      ['mount_path = "/d//"', 'secret = "db"'],
      "2:1 secret_files.mount_path",
      /folder/,
    ],
    ["two sources", [path, 'secret = "db"', 'names = ["A"]'], "4:1 secret_files.names", /keep one/],
    [
      "a template and a secret",
      [file, 'template = "x"', 'secret = "db"'],
      "3:1 secret_files.template",
      /keep one/,
    ],
    ["a key without a secret", [path, 'key = "pw"'], "3:1 secret_files.key", /add secret/],
    [
      "keys with names",
      [path, 'names = ["A"]', 'keys = ["pw"]'],
      "4:1 secret_files.keys",
      /add secret/,
    ],
    [
      "key and keys",
      [path, 'secret = "db"', 'key = "a"', 'keys = ["b"]'],
      "5:1 secret_files.keys",
      /keep one/,
    ],
    [
      "a template into a folder",
      [path, 'template = "x"'],
      "2:1 secret_files.mount_path",
      /without a slash/,
    ],
    ["names into a file", [file, 'names = ["A"]'], "2:1 secret_files.mount_path", /with a slash/],
    [
      "keys into a file",
      [file, 'secret = "db"', 'keys = ["a"]'],
      "2:1 secret_files.mount_path",
      /with a slash/,
    ],
    ["no names", [path, "names = []"], "3:1 secret_files.names", /names = \["API_KEY"/],
    [
      "names that are none",
      [path, 'names = ["A", 7]'],
      "3:1 secret_files.names",
      /names = \["API_KEY"/,
    ],
    ["one name, not a list", [path, 'names = "A"'], "3:1 secret_files.names", /^$/],
    ["a name with a slash", [path, 'names = ["a/b"]'], "3:1 secret_files.names", /two dots/],
    ["the name ..data", [path, 'names = ["..data"]'], "3:1 secret_files.names", /two dots/],
    ["a name twice", [path, 'names = ["A", "A"]'], "3:1 secret_files.names", /^$/],
    [
      "a key with a slash",
      [path, 'secret = "db"', 'key = "../x"'],
      "4:1 secret_files.key",
      /two dots/,
    ],
    [
      "a misspelt key",
      [path, 'name = ["A"]', 'secret = "db"'],
      "3:1 secret_files.name",
      /^did you mean names\?$/,
    ],
    [
      "a misspelt path",
      ['mount_pth = "/d/"', path, 'secret = "db"'],
      "2:1 secret_files.mount_pth",
      /^did you mean mount_path\?$/,
    ],
    [
      "an owner that is none",
      [path, 'secret = "db"', 'owner = "a b"'],
      "4:1 secret_files.owner",
      /owner = "app"/,
    ],
    [
      "a mode that is none",
      [path, 'secret = "db"', "mode = 440"],
      "4:1 secret_files.mode",
      /mode = "0440"/,
    ],
    ["an empty template", [file, 'template = ""'], "3:1 secret_files.template", /^$/],
  ])("%s", (_what, lines, at, hint) => {
    const issues = issuesOf(item(...lines));
    expect(summary(issues)).toEqual([`${at} MANIFEST_INVALID`]);
    expect(issues[0]?.hint ?? "").toMatch(hint);
  });

  it("several problems at once", () => {
    const issues = issuesOf(item('mount_path = "d"', "mode = 1", 'names = ["a/b"]'));
    expect(issues).toHaveLength(3);
  });

  it.each<[string, string, string]>([
    [
      "two templates",
      item(file, 'template = "a"') + item(file, 'template = "b"'),
      '6:1 secret_files."/d/f"',
    ],
    [
      "a key and a template",
      item(file, 'template = "a"') + item(path, 'secret = "db"', 'key = "f"'),
      '6:1 secret_files."/d/f"',
    ],
    [
      "a value with a path of its own",
      item(file, 'template = "a"') + `[env.prod]\nA = { encrypted = "${BOX}", file = "/d/f" }`,
      "5:1 env.prod.A.file",
    ],
    [
      "a listed value",
      item(path, 'names = ["f"]') + item(file, 'template = "a"') + "[env.prod]\nf = '1'",
      "8:1 env.prod.f",
    ],
    [
      "two lists",
      item(path, 'names = ["A"]') + item('mount_path = "/e/"', 'names = ["A"]'),
      "6:1 secret_files.names",
    ],
    [
      "a list, and a path of its own",
      item(path, 'names = ["A"]') + `[env.prod]\nA = { encrypted = "${BOX}", file = "/x" }`,
      "5:1 env.prod.A",
    ],
    [
      "a value of the same name",
      item(file, 'template = "a"') +
        `[env.prod]\n"/d/f" = { encrypted = "${BOX}", file = "/other" }`,
      '3:1 secret_files."/d/f"',
    ],
  ])("%s that want one place", (_what, text, at) => {
    const issues = issuesOf(text);
    expect(summary(issues)).toEqual([`${at} MANIFEST_INVALID`]);
    expect(issues[0]?.hint).toBeDefined();
  });

  it("no value is shown", () => {
    expect(issuesOf(item(path, `template = "${CANARY}"`, `key = "${CANARY}"`))).toHaveLength(2);
  });
});
