import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, openSync, symlinkSync, writeFileSync, closeSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { findKeys, findKeysQuietly, type KeySourceOptions } from "../../../src/keys/find-keys.ts";
import { runKeyCommand } from "../../../src/keys/key-command.ts";
import { keyWithText, temporaryFolder } from "./helpers.ts";
import { failureOf } from "../../support/failure.ts";

let folder: string;
let home: string;
let options: KeySourceOptions & { env: Record<string, string> };
beforeEach(() => {
  folder = temporaryFolder();
  home = join(folder, "home");
  options = { app: "cats", env: {}, home, runSecrets: join(folder, "run-secrets") };
});

const put = (path: string, text: string, mode = 0o600): string => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};
const keyFile = (): string => join(home, ".config/sealmount/keys/cats.key");
const config = (text: string): string => put(join(home, ".config/sealmount/config.toml"), text);

/** Each place, and how a key gets there. */
const PLACES: [string, string, (text: string) => void][] = [
  [
    "--key-file",
    "--key-file",
    (text) => (options = { ...options, keyFile: put(join(folder, "k"), text) }),
  ],
  ["SEALMOUNT_KEY", "SEALMOUNT_KEY", (text) => (options.env["SEALMOUNT_KEY"] = text)],
  [
    "SEALMOUNT_KEY_FILE",
    "SEALMOUNT_KEY_FILE",
    (text) => (options.env["SEALMOUNT_KEY_FILE"] = put(join(folder, "kf"), text)),
  ],
  [
    "a systemd credential",
    "sealmount.cats",
    (text) => {
      put(join(folder, "credentials/sealmount.cats"), text, 0o440);
      options.env["CREDENTIALS_DIRECTORY"] = join(folder, "credentials");
    },
  ],
  [
    "a container's secret",
    "sealmount_key",
    (text) => put(join(folder, "run-secrets/sealmount_key"), text, 0o444),
  ],
  ["the key folder", "cats.key", (text) => put(keyFile(), text)],
  ["key_command", "key_command", (text) => config(`key_command = "printf %s ${text}"`)],
];

describe("findKeys", () => {
  it.each(PLACES)("finds a key at %s", async (_, source, place) => {
    const { pair, text } = await keyWithText();
    place(text);
    using keyring = await findKeys(options);
    expect(keyring.pairs.map((found) => found.publicKey)).toEqual([pair.publicKey]);
    expect(keyring.keys[0]?.source).toContain(source);
    expect(keyring.keys[0]?.pair.privateKey.equals(pair.privateKey)).toBe(true);
  });

  it("keeps the order of the places, and each key once", async () => {
    const keys = await Promise.all(PLACES.map(async () => keyWithText()));
    for (const [i, [, , place]] of PLACES.entries()) place(keys[i]?.text ?? "");
    options.env["SEALMOUNT_KEY"] += `, ${keys[0]?.text}`;
    using keyring = await findKeys(options);
    // the command is not run when there are keys and nothing says that they do not suffice
    const expected = keys.slice(0, -1).map(({ pair }) => pair.publicKey.text);
    expect(keyring.pairs.map(({ publicKey }) => publicKey.text)).toEqual(expected);
  });

  it("stops where everything wanted was found, and runs key_command for what was not", async () => {
    const [first, second, third] = await Promise.all([keyWithText(), keyWithText(), keyWithText()]);
    options.env["SEALMOUNT_KEY"] = first.text;
    put(keyFile(), second.text, 0o644);
    config(`key_command = ["printf", "%s", "${third.text}"]`);
    const textOf = (key: typeof first): string => key.pair.publicKey.text;
    using one = await findKeys({ ...options, wanted: [textOf(first)] });
    expect(one.keys).toHaveLength(1);
    using both = await findKeys({ ...options, wanted: [textOf(first), textOf(third)] });
    expect(both.pairs.map((pair) => pair.publicKey.text)).toEqual([textOf(first), textOf(third)]);
    expect(both.tried.join("\n")).toMatch(/cats\.key \(refused: .*mode is 0644\)/);
  });

  it("RI2: without any key, names every place that was tried", async () => {
    const error = await failureOf(findKeys(options));
    expect(error).toMatchObject({ code: "KEY_NOT_FOUND", exitCode: 4 });
    expect(error.message).toBe(
      `no private key for app cats; tried --key-file, SEALMOUNT_KEY, SEALMOUNT_KEY_FILE, ` +
        `$CREDENTIALS_DIRECTORY/sealmount.cats, ${folder}/run-secrets/sealmount_key, ` +
        `${keyFile()}, key_command in ${home}/.config/sealmount/config.toml`,
    );
    expect(error.hint).toContain("sealmount key import");
  });

  it("takes an empty SEALMOUNT_KEY, as a CI gives for a secret that is not set, for none", async () => {
    options.env["SEALMOUNT_KEY"] = " \n";
    expect((await failureOf(findKeys(options))).code).toBe("KEY_NOT_FOUND");
  });

  it.each([" ", "\n", ",", ", \n"])("reads several keys separated by %j", async (separator) => {
    const keys = [await keyWithText(), await keyWithText()];
    options.env["SEALMOUNT_KEY"] = keys.map(({ text }) => text).join(separator);
    using keyring = await findKeys(options);
    expect(keyring.pairs).toHaveLength(2);
  });

  it("honours XDG_CONFIG_HOME when it is absolute", async () => {
    const { text } = await keyWithText();
    put(join(folder, "xdg/sealmount/keys/cats.key"), text);
    using keyring = await findKeys({ ...options, env: { XDG_CONFIG_HOME: join(folder, "xdg") } });
    expect(keyring.keys).toHaveLength(1);
    const relative = findKeys({ ...options, env: { XDG_CONFIG_HOME: "xdg" } });
    expect((await failureOf(relative)).message).toContain(`${home}/.config/sealmount`);
  });

  it("wipes all keys when it is disposed", async () => {
    options.env["SEALMOUNT_KEY"] = (await keyWithText()).text;
    const keyring = await findKeys(options);
    keyring[Symbol.dispose]();
    expect(() => keyring.keys[0]?.pair.privateKey.use(String)).toThrow(/was wiped/);
  });
});

describe("a key text that is none", () => {
  it("names the place and the word, and quotes nothing", async () => {
    const { text } = await keyWithText();
    options.env["SEALMOUNT_KEY"] = `${text} hunter2-canary`;
    const error = await failureOf(findKeys(options), "hunter2-canary", text);
    expect(error).toMatchObject({ code: "KEY_INVALID", exitCode: 4 });
    expect(error.message).toBe("SEALMOUNT_KEY holds no valid private key (word 2 of 2)");
  });

  it("tells a public key", async () => {
    options.env["SEALMOUNT_KEY"] = (await keyWithText()).pair.publicKey.text;
    expect((await failureOf(findKeys(options))).message).toContain("holds a public key");
  });

  it("skips comments in a file", async () => {
    const { text } = await keyWithText();
    put(keyFile(), `# key of cats, with words\n${text} # no comment`);
    expect((await failureOf(findKeys(options), text)).message).toContain("(word 2 of 4)");
    put(keyFile(), `# key of cats, with words\n\n${text}\n#end`);
    using keyring = await findKeys(options);
    expect(keyring.keys).toHaveLength(1);
  });
});

describe("a key file that must not or can't be used", () => {
  it.each([0o640, 0o604, 0o644, 0o660, 0o610, 0o777])(
    "RI4: mode %o is refused with the command that mends it",
    async (mode) => {
      const { text } = await keyWithText();
      put(keyFile(), text, mode);
      const error = await failureOf(findKeys(options), text);
      expect(error).toMatchObject({ code: "KEY_FILE_MODE", exitCode: 4 });
      expect(error.message).toContain(`mode is ${mode.toString(8).padStart(4, "0")}`);
      expect(error.hint).toBe(`chmod 600 ${keyFile()}`);
      chmodSync(keyFile(), 0o400);
      using keyring = await findKeys(options);
      expect(keyring.keys).toHaveLength(1);
    },
  );

  it("a managed file may be read by others, but not written", async () => {
    const path = put(join(folder, "run-secrets/sealmount_key"), (await keyWithText()).text, 0o446);
    expect((await failureOf(findKeys(options))).code).toBe("KEY_FILE_MODE");
    chmodSync(path, 0o444);
    options.env["SEALMOUNT_KEY_FILE"] = path;
    using keyring = await findKeys(options);
    expect(keyring.keys[0]?.source).toContain("SEALMOUNT_KEY_FILE");
  });

  it("a symbolic link is followed, and the mode is that of its target", async () => {
    const target = put(join(folder, "real"), (await keyWithText()).text, 0o644);
    mkdirSync(dirname(keyFile()), { recursive: true });
    symlinkSync(target, keyFile());
    expect((await failureOf(findKeys(options))).code).toBe("KEY_FILE_MODE");
    chmodSync(target, 0o600);
    using keyring = await findKeys(options);
    expect(keyring.keys).toHaveLength(1);
  });

  it("a dangling link is no file", async () => {
    mkdirSync(dirname(keyFile()), { recursive: true });
    symlinkSync(join(folder, "nowhere"), keyFile());
    expect((await failureOf(findKeys(options))).code).toBe("KEY_NOT_FOUND");
  });

  it("a folder, a pipe at a usual place, a huge file: each says so", async () => {
    mkdirSync(keyFile(), { recursive: true });
    expect((await failureOf(findKeys(options))).message).toContain("is a folder");
    const pipe = join(folder, "run-secrets/sealmount_key");
    mkdirSync(dirname(pipe));
    execFileSync("mkfifo", ["-m", "600", pipe]);
    expect((await failureOf(findKeys(options))).message).toContain("is no regular file");
    const huge = put(join(folder, "huge"), "A".repeat(64 * 1024 + 1));
    const error = await failureOf(findKeys({ ...options, keyFile: huge }));
    expect(error.message).toContain("is larger than 65536 bytes");
  });

  it.each([
    ["--key-file", () => ({ ...options, keyFile: join(folder, "nowhere") })],
    ["SEALMOUNT_KEY_FILE", () => ({ ...options, env: { SEALMOUNT_KEY_FILE: join(folder, "no") } })],
  ])(
    "a missing file that %s names is an error, even when other keys exist",
    async (name, named) => {
      put(keyFile(), (await keyWithText()).text);
      const error = await failureOf(findKeys(named()));
      expect(error.code).toBe("KEY_NOT_FOUND");
      expect(error.message).toMatch(new RegExp(`^${name} .*does not exist$`));
    },
  );

  it("--key-file takes a pipe", async () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", ["-m", "600", pipe]);
    const { text } = await keyWithText();
    const finding = findKeys({ ...options, keyFile: pipe });
    const writer = openSync(pipe, "r+");
    writeFileSync(writer, text);
    setTimeout(() => closeSync(writer), 200);
    using keyring = await finding;
    expect(keyring.keys).toHaveLength(1);
  });

  it.each(["../dogs", "a/b", "a\\b", "", ".", "..", ".hidden", "a\0b", "x".repeat(300)])(
    "the app name %j is refused before any file is looked at",
    async (app) => {
      const error = await failureOf(findKeys({ ...options, app }));
      expect(error.code).toBe("USAGE");
    },
  );
});

describe("key_command", () => {
  it.each([
    ["fails", 'key_command = "echo canary-out; exit 3"', "exit code 3"],
    ["prints nothing", "key_command = \"printf ' \\n'\"", "printed nothing"],
    ["is not there", 'key_command = ["/nowhere/canary-out"]', "can't be started (ENOENT)"],
    ["is killed", 'key_command = "kill -9 $$"', "was ended by SIGKILL"],
    ["prints without end", 'key_command = "yes canary-out 2>/dev/null"', "too much"],
    ["prints no key", 'key_command = "echo canary-out"', "no valid private key"],
    ["is no text", "key_command = 7", "neither text nor a list"],
    ["is empty", "key_command = []", "neither text nor a list"],
    ["stands in broken TOML", 'key_command = "canary-out', "not valid TOML"],
  ])("that %s", async (_, text, message) => {
    config(text);
    const error = await failureOf(findKeys(options), "canary-out");
    expect(error.code).toBe(message === "no valid private key" ? "KEY_INVALID" : "KEY_COMMAND");
    expect(error.exitCode).toBe(4);
    expect(error.message).toContain(message);
  });

  it("gets the app's name, and no key variable", async () => {
    const { text } = await keyWithText();
    options.env["PATH"] = process.env["PATH"] ?? "";
    options.env["SEALMOUNT_KEY"] = "";
    options.env["SEALMOUNT_KEY_OLD"] = "x";
    config(
      `key_command = '[ "$SEALMOUNT_APP" = cats ] && ! env | grep -q SEALMOUNT_KEY && echo ${text}'`,
    );
    using keyring = await findKeys(options);
    expect(keyring.keys).toHaveLength(1);
  });
});

describe("runKeyCommand", () => {
  it("ends a command that takes too long, and what it left behind does not hold us", async () => {
    const started = Date.now();
    const error = await failureOf(
      runKeyCommand({
        command: "sleep 8 2>/dev/null & exec sleep 30",
        app: "cats",
        env: {},
        timeLimitMs: 100,
      }),
    );
    expect(error.message).toBe("key_command took too long");
    expect(Date.now() - started).toBeLessThan(5000);
  });
});

describe("findKeysQuietly", () => {
  it.each(PLACES)("looks at %s, but starts no command", async (title, source, place) => {
    const { pair, text } = await keyWithText();
    place(text);
    const { keys } = await findKeysQuietly(options);
    const found = keys.map((key) => [key.source, key.pair.publicKey.text]);
    if (title === "key_command") expect(found).toEqual([]);
    else expect(found).toEqual([[expect.stringContaining(source), pair.publicKey.text]]);
  });

  it("passes over what can't be used", async () => {
    const { pair, text } = await keyWithText();
    options = { ...options, keyFile: join(folder, "missing") };
    options.env["SEALMOUNT_KEY"] = "no key at all";
    put(keyFile(), text);
    const { keys, tried } = await findKeysQuietly(options);
    expect(keys.map((key) => key.pair.publicKey.text)).toEqual([pair.publicKey.text]);
    expect(tried.filter((place) => place.includes("refused"))).toHaveLength(2);
    expect(tried.join()).not.toContain("no key at all");
  });
});
