import { describe, expect, it } from "vitest";
import { BOX, CANARY, issuesOf, parse, PUBLIC_KEY, summary } from "./fixtures.ts";

/** Each bad input with the problems it has: `line:column key CODE`. */
const BAD: Readonly<Record<string, readonly [string, readonly string[]]>> = {
  "a string that does not end": [`A = "${CANARY}\n`, ["1:19 MANIFEST_SYNTAX"]],
  "a value without quotes": [`[env.common]\nA = ${CANARY}\n`, ["2:5 MANIFEST_SYNTAX"]],
  "a bare line": [`[env.common]\n${CANARY}\n`, ["2:14 MANIFEST_SYNTAX"]],
  "two things on a line": [`A = "x" ${CANARY} = "${CANARY}"\n`, ["1:9 MANIFEST_SYNTAX"]],
  "an unknown escape": [`A = "\\q${CANARY}"\n`, ["1:5 MANIFEST_SYNTAX"]],
  "a control character": [`A = "\u0001${CANARY}"\n`, ["1:6 MANIFEST_SYNTAX"]],
  "a header that does not end": [`[env.common\nA = "${CANARY}"\n`, ["2:1 MANIFEST_SYNTAX"]],
  JSON: [`{ "A": "${CANARY}" }\n`, ["1:1 MANIFEST_SYNTAX"]],
  YAML: [`env:\n  A: ${CANARY}\n`, ["1:4 MANIFEST_SYNTAX"]],
  "a number with letters": [`A = 12${CANARY}\n`, ["1:5 MANIFEST_SYNTAX"]],
  "a line end of old Macs": [`A = "x"\rB = "${CANARY}"\n`, ["1:8 MANIFEST_SYNTAX"]],
  "an inline table of TOML 1.1": [`A = { b = "${CANARY}", }\n`, ["1:28 MANIFEST_SYNTAX"]],
  "a duplicate key": [
    `[env.common]\nA = "${CANARY}"\nB = "x"\nA = "${CANARY}2"\nB = 1\n`,
    ["4:1 env.common.A MANIFEST_DUPLICATE", "5:1 env.common.B MANIFEST_DUPLICATE"],
  ],
  "a duplicate attribute": [
    `[env.common]\nA = { encrypted = "${BOX}", encrypted = "${CANARY}" }\n`,
    ["2:173 env.common.A.encrypted MANIFEST_DUPLICATE"],
  ],
  "a duplicate table": [
    `[env.prod]\nA = "${CANARY}"\n[env.common]\n[env.prod]\nB = "x"\n`,
    ["4:1 env.prod MANIFEST_DUPLICATE"],
  ],
  "a table over a value": [
    `[env.prod]\nA = "${CANARY}"\n[env.prod.A]\nencrypted = "x"\n`,
    ["3:1 env.prod.A MANIFEST_DUPLICATE"],
  ],
  "a table that dotted keys defined": [
    `env.prod.A = "${CANARY}"\n[env.prod]\nB = "x"\n`,
    ["2:1 MANIFEST_DUPLICATE"],
  ],
  "a key that @iarna/toml alone would add to a table": [
    `[env.prod.A]\nencrypted = "x"\n[env]\nprod.A.file = "${CANARY}"\n`,
    ["4:1 MANIFEST_DUPLICATE"],
  ],
  "__proto__ as a name": [
    `[env.common]\n__proto__ = "${CANARY}"\n`,
    ["2:1 __proto__ MANIFEST_INVALID"],
  ],
  "__proto__ as a table": [
    `[env.__proto__]\nA = "${CANARY}"\n`,
    ["1:1 env.__proto__ MANIFEST_INVALID"],
  ],
  "__proto__ in quotes and dots": [
    `env.common."__proto__".A = "${CANARY}"\n`,
    ["1:1 env.common.__proto__.A MANIFEST_INVALID"],
  ],
};

describe("text that can't be read", () => {
  it.each(Object.entries(BAD))("%s", (_, [text, problems]) => {
    expect(summary(issuesOf(text))).toEqual(problems);
  });

  it.each(Object.entries(BAD))("the same with CRLF and a BOM: %s", (_, [text, problems]) => {
    const dos = `\uFEFF${text.replaceAll("\n", "\r\n")}`;
    expect(summary(issuesOf(dos))).toEqual(problems);
  });

  it.each(Object.entries(BAD))("every problem has a hint: %s", (_, [text]) => {
    for (const { hint, message } of issuesOf(text)) {
      expect(hint).toMatch(/\S/);
      expect(message).toMatch(/^[a-z_].*[^.]$/);
    }
  });

  it("a manifest of 2 MB has its own error", () => {
    const text = `[env.common]\n${`A = "${CANARY}"\n`.repeat(100_000)}`;
    expect(summary(issuesOf(text))).toEqual(["1:1 MANIFEST_TOO_LARGE"]);
  });

  it("1 MiB is read, in a time that grows with the size only", () => {
    const rows = Array.from({ length: 5000 }, (_, i) => `N${i} = { encrypted = "${BOX}" }`);
    const text = `[env.common]\n${rows.join("\n")}`;
    const start = performance.now();
    expect(parse(text).environments.get("common")?.size).toBe(5000);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe("names that every object inherits", () => {
  const names = Object.getOwnPropertyNames(Object.prototype);
  const forms: Readonly<Record<string, (name: string) => string>> = {
    header: (name) => `[${name}]\nzz = "${CANARY}"\nyy = 1\n`,
    "header behind another name": (name) => `[env.${name}]\nzz = 1\n`,
    "header before another name": (name) => `[${name}.b]\nzz = 1\n`,
    "array of tables": (name) => `[[${name}]]\nzz = 1\n`,
    "array of tables below": (name) => `[[${name}.q]]\nzz = 1\n`,
    "dotted key": (name) => `${name}.zz = 1\n`,
    "dotted key in a table": (name) => `a.${name}.zz = 1\n`,
    "inline table": (name) => `a = { ${name}.zz = 1 }\n`,
    "inline table in an array": (name) => `a = [{ ${name}.zz = 1 }]\n`,
    "escaped name in a broken file": (name) => `["\\u005f${name.slice(1)}"]\nzz = 1\nx = = 1\n`,
    "broken file": (name) => `[${name}]\nzz = 1\nx = = 1\n`,
  };

  it.each(Object.entries(forms))("are refused as tables, and nothing is written: %s", (_, form) => {
    for (const name of names) {
      expect(issuesOf(form(name)).length).toBeGreaterThan(0);
      const inherited: unknown = Reflect.get({}, name);
      expect(Object.keys(inherited ?? {})).toEqual([]);
    }
    expect(Reflect.get({}, "zz")).toBeUndefined();
  });
});

/** Legal TOML that is no valid manifest. */
const INVALID: Readonly<Record<string, readonly [string, readonly string[]]>> = {
  "a misspelt attribute": [
    `[env.prod]\nA = { encryptd = "${CANARY}" }`,
    ["2:7 env.prod.A.encryptd MANIFEST_INVALID"],
  ],
  "damaged base64": [
    `[env.prod]\nA = { encrypted = "${CANARY}!" }`,
    ["2:7 env.prod.A.encrypted UNSEAL_BASE64"],
  ],
  "base64 of both alphabets": [
    `[build_secrets]\na = { encrypted = "ab+_" }`,
    ["2:7 build_secrets.a.encrypted UNSEAL_BASE64"],
  ],
  "base64 of an impossible length": [
    `[build_secrets]\na = { encrypted = "abcde" }`,
    ["2:7 build_secrets.a.encrypted UNSEAL_BASE64"],
  ],
  "two sources": [
    `[env.prod]\nA = { encrypted = "${BOX}", template = "${CANARY}" }`,
    ["2:173 env.prod.A.template MANIFEST_INVALID"],
  ],
  "a Kubernetes secret without its key": [
    `[env.prod]\nA = { secret = "${CANARY}" }\nB = { key = "${CANARY}" }`,
    ["2:7 env.prod.A.secret MANIFEST_INVALID", "3:7 env.prod.B.key MANIFEST_INVALID"],
  ],
  "names that are no env names": [
    `[env.prod]\nmy-name = "${CANARY}"\n1A = "x"\n"a b" = "x"\n"" = "x"\n"A=B" = "x"`,
    [
      "2:1 env.prod.my-name MANIFEST_INVALID",
      "3:1 env.prod.1A MANIFEST_INVALID",
      '4:1 env.prod."a b" MANIFEST_INVALID',
      '5:1 env.prod."" MANIFEST_INVALID',
      '6:1 env.prod."A=B" MANIFEST_INVALID',
    ],
  ],
  "NUL in plain values": [
    `[env.prod]\nA = "${CANARY}\\u0000"\nB = { default = "${CANARY}\\u0000" }`,
    ["2:1 env.prod.A VALUE_INVALID", "3:7 env.prod.B.default VALUE_INVALID"],
  ],
  "files outside": [
    ["..", "../a", "/a/../b", "/", "", "/a/", "a//b", "./a", "a\\u0000b"]
      .map((path, i) => `[env.e${i}]\nA = { encrypted = "${BOX}", file = "${path}" }`)
      .join("\n"),
    Array.from({ length: 9 }, (_, i) => `${2 * i + 2}:173 env.e${i}.A.file MANIFEST_INVALID`),
  ],
  "modes that are not octal": [
    ['"0999"', '"rw"', "440", '"17777"', '"44"', '"0o440"', '"00440"']
      .map((mode, i) => `[env.e${i}]\nA = { file = "a", mode = ${mode} }`)
      .join("\n"),
    Array.from({ length: 7 }, (_, i) => `${2 * i + 2}:19 env.e${i}.A.mode MANIFEST_INVALID`),
  ],
  "owners that can't be one": [
    `[env.prod]\nA = { file = "a", owner = "a b" }\nB = { file = "b", owner = ":app" }`,
    ["2:19 env.prod.A.owner MANIFEST_INVALID", "3:19 env.prod.B.owner MANIFEST_INVALID"],
  ],
  "owner and mode without file": [
    `[env.prod]\nA = { encrypted = "abcd", owner = "app", mode = "0400" }`,
    ["2:27 env.prod.A.owner MANIFEST_INVALID", "2:42 env.prod.A.mode MANIFEST_INVALID"],
  ],
  "two files at one path": [
    `[env.common]\nA = { file = "/x", encrypted = "abcd" }\n` +
      `[env.prod]\nB = { file = "/x", encrypted = "abcd" }`,
    ["4:1 env.prod.B.file MANIFEST_INVALID"],
  ],
  "a cache that is neither value nor off": [
    `[build_secrets]\na = { encrypted = "abcd", cache = "${CANARY}" }\nb = { encrypted = "abcd", cache = true }`,
    ["2:27 build_secrets.a.cache MANIFEST_INVALID", "3:27 build_secrets.b.cache MANIFEST_INVALID"],
  ],
  "a cache outside of the build secrets": [
    `[env.common]\na = { encrypted = "abcd", cache = "value" }`,
    ["2:27 env.common.a.cache MANIFEST_INVALID"],
  ],
  "a file on a build secret": [
    `[build_secrets]\na = { encrypted = "abcd", file = "/x" }`,
    ["2:27 build_secrets.a.file MANIFEST_INVALID"],
  ],
  "ids that BuildKit's options can't carry": [
    `[build_secrets]\n"a,b" = { encrypted = "abcd" }\n"a b" = "x"`,
    ['2:1 build_secrets."a,b" MANIFEST_INVALID', '3:1 build_secrets."a b" MANIFEST_INVALID'],
  ],
  "dates that do not exist": [
    `[env.prod]\nA = { expires = "2027-02-30" }\nB = { expires = "${CANARY}" }`,
    ["2:7 env.prod.A.expires MANIFEST_INVALID", "3:7 env.prod.B.expires MANIFEST_INVALID"],
  ],
  "env.build": [`[env.build]\nA = "${CANARY}"`, ["1:1 env.build MANIFEST_INVALID"]],
  "a value in [env]": [`[env]\nA = "${CANARY}"`, ["2:1 env.A MANIFEST_INVALID"]],
  "a list as a value": [`[env.prod]\nA = ["${CANARY}"]`, ["2:1 env.prod.A MANIFEST_INVALID"]],
  "sections that are values": [
    `env = "${CANARY}"\nseal = 1\nbuild_secrets = []\nsecret_files = 1\ngit = "x"\n`,
    [
      "1:1 env MANIFEST_INVALID",
      "2:1 seal MANIFEST_INVALID",
      "3:1 build_secrets MANIFEST_INVALID",
      "4:1 secret_files MANIFEST_INVALID",
      "5:1 git MANIFEST_INVALID",
    ],
  ],
  "a [seal] with faults": [
    `[seal]\nap = "x"\napp = "a/b"\npublic_key = "${CANARY}"\nrequire_bound = "yes"\n` +
      `[seal.keys]\n"a b" = "${PUBLIC_KEY}"\nprod = "smk1_${CANARY}"`,
    [
      "2:1 seal.ap MANIFEST_INVALID",
      "3:1 seal.app MANIFEST_INVALID",
      "4:1 seal.public_key MANIFEST_INVALID",
      "5:1 seal.require_bound MANIFEST_INVALID",
      '7:1 seal.keys."a b" MANIFEST_INVALID',
      "8:1 seal.keys.prod MANIFEST_INVALID",
    ],
  ],
  "slots with faults": [
    `[registries."ghcr.io"]\nuser = "x"\npassword = { encrypted = "!" }\n[git."a/b"]\ntoken = 1`,
    [
      '2:1 registries."ghcr.io".user MANIFEST_INVALID',
      '3:14 registries."ghcr.io".password.encrypted UNSEAL_BASE64',
      '4:1 git."a/b" MANIFEST_INVALID',
    ],
  ],
  "secret files without their keys": [
    `[[secret_files]]\nmount_path = "/x"\n[[secret_files]]\nsecret = 1`,
    [
      "2:1 secret_files.secret MANIFEST_INVALID",
      "4:1 secret_files.mount_path MANIFEST_INVALID",
      "4:1 secret_files.secret MANIFEST_INVALID",
    ],
  ],
  "applings outside": [
    `applings = ["../x", "ok", "/x", 1, "a//b", "."]`,
    Array.from({ length: 5 }, () => "1:1 applings MANIFEST_INVALID"),
  ],
  "a default environment that can't be chosen": [
    `default_environment = "common"`,
    ["1:1 default_environment MANIFEST_INVALID"],
  ],
};

describe("manifests that are not valid", () => {
  it.each(Object.entries(INVALID))("%s", (_, [text, problems]) => {
    expect(summary(issuesOf(text))).toEqual(problems);
  });

  it("reports the problems of all sections at once, in file order", () => {
    const texts = Object.values(INVALID).map(([text]) => text);
    const some = [texts[0], texts[5]].join("\n").replaceAll("env.prod", "env.x");
    expect(issuesOf(some.replace("[env.x]", "[env.y]")).length).toBe(3);
  });

  it("suggests what was meant", () => {
    const [issue] = issuesOf(`[env.prod]\nA = { encryptd = "x" }`);
    expect(issue?.hint).toBe("did you mean encrypted?");
  });

  it("says that a private key stands in the file, without showing it", () => {
    const [issue] = issuesOf(`[seal]\npublic_key = "smk1_${CANARY}"`);
    expect(issue?.message).toContain("private key");
  });

  it("shows names with their control characters escaped", () => {
    const [issue] = issuesOf(`[env.prod]\n"a\\u001b[31m\\u202e" = "x"`);
    expect(issue?.place.key).toBe('env.prod."a\\u001b[31m\\u202e"');
  });
});
