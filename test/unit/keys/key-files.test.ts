import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { exportKey, importKey, listKeyFiles, writeKeyFile } from "../../../src/keys/key-files.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { keyWithText, temporaryFolder } from "./helpers.ts";
import { failureOf } from "../../support/failure.ts";

let home: string;
let folder: string;
let cats: { app: string; home: string; env: Record<string, string> };
beforeEach(() => {
  home = temporaryFolder();
  folder = join(home, ".config/sealmount/keys");
  cats = { app: "cats", home, env: {} };
});

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const secret = (text: string): Secret => Secret.take("given", Buffer.from(text));

describe("writeKeyFile", () => {
  it("RI3: writes 0600 in 0700, whatever the umask, and export gives the key back", async () => {
    const { pair, text } = await keyWithText();
    const umask = process.umask(0);
    const path = await writeKeyFile({ ...cats, pair }).finally(() => process.umask(umask));
    expect(path).toBe(join(folder, "cats.key"));
    expect([modeOf(path), modeOf(folder)]).toEqual([0o600, 0o700]);
    using exported = await exportKey(cats);
    expect(exported.equals(secret(text))).toBe(true);
    expect(readFileSync(path, "utf8")).toContain(`public key ${pair.publicKey.text}\n`);
  });

  it("closes a key folder that was open to others", async () => {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    await writeKeyFile({ ...cats, pair: (await keyWithText()).pair });
    expect(modeOf(folder)).toBe(0o700);
  });

  it("leaves an existing file as it is", async () => {
    const first = await keyWithText();
    const path = await writeKeyFile({ ...cats, pair: first.pair });
    const before = readFileSync(path);
    const { pair } = await keyWithText();
    const error = await failureOf(writeKeyFile({ ...cats, pair }), first.text);
    expect(error).toMatchObject({ code: "SECRET_EXISTS", exitCode: 9 });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it("adds a key behind the others when asked to", async () => {
    const keys = [await keyWithText(), await keyWithText()];
    for (const { pair } of keys) await writeKeyFile({ ...cats, pair, add: true });
    expect((await listKeyFiles(cats)).map((info) => info.fingerprint)).toEqual(
      keys.map(({ pair }) => pair.publicKey.fingerprint),
    );
    expect(readdirSync(folder)).toEqual(["cats.key"]);
    expect(modeOf(join(folder, "cats.key"))).toBe(0o600);
    using all = await exportKey(cats);
    expect(all.use(String)).toBe(keys.map(({ text }) => text).join("\n"));
    using one = await exportKey({ ...cats, publicKey: keys[1]?.pair.publicKey.text ?? "" });
    expect(one.use(String)).toBe(keys[1]?.text);
  });

  it("says so when the folder can't be made", async () => {
    writeFileSync(join(home, ".config"), "");
    const { pair, text } = await keyWithText();
    expect((await failureOf(writeKeyFile({ ...cats, pair }), text)).code).toBe("KEY_INVALID");
  });

  it.each(["../evil", "a/b", ".."])("refuses the app name %j", async (app) => {
    const { pair } = await keyWithText();
    expect((await failureOf(writeKeyFile({ ...cats, app, pair }))).code).toBe("USAGE");
  });
});

describe("listKeyFiles", () => {
  it("is empty without a folder", async () => {
    expect(await listKeyFiles(cats)).toEqual([]);
  });

  it("lists by app, unusable files with their problem, and no private key", async () => {
    const { pair, text } = await keyWithText();
    await writeKeyFile({ ...cats, pair });
    writeFileSync(join(folder, "bad.key"), "canary-line", { mode: 0o600 });
    writeFileSync(join(folder, "notes.txt"), "");
    chmodSync(await writeKeyFile({ ...cats, app: "dogs", pair }), 0o644);
    const infos = await listKeyFiles(cats);
    expect(infos.map(({ app }) => app)).toEqual(["bad", "cats", "dogs"]);
    expect(infos[1]).toMatchObject({
      file: join(folder, "cats.key"),
      publicKey: pair.publicKey.text,
      fingerprint: pair.publicKey.fingerprint,
    });
    expect(infos[2]?.problem).toContain("mode is 0644");
    expect(JSON.stringify(infos)).not.toContain("canary-line");
    expect(JSON.stringify(infos)).not.toContain(text);
  });
});

describe("exportKey and importKey", () => {
  it("IT28: moves a key to another machine", async () => {
    const { pair, text } = await keyWithText();
    const result = await importKey({ ...cats, text: secret(`\n${text}\n`) });
    expect(result).toEqual({
      file: join(folder, "cats.key"),
      fingerprint: pair.publicKey.fingerprint,
      publicKey: pair.publicKey.text,
    });
    using exported = await exportKey(cats);
    expect(exported.use(String)).toBe(text);
  });

  it("imports several at once, and the same again without a change", async () => {
    const keys = [await keyWithText(), await keyWithText()];
    const text = keys.map((key) => key.text).join(",");
    await importKey({ ...cats, text: secret(text) });
    const before = readFileSync(join(folder, "cats.key"), "utf8");
    await importKey({ ...cats, text: secret(text) });
    expect(readFileSync(join(folder, "cats.key"), "utf8")).toBe(before);
    expect(await listKeyFiles(cats)).toHaveLength(2);
  });

  it("does not put another key into an existing file unasked", async () => {
    const [first, second] = [await keyWithText(), await keyWithText()];
    await importKey({ ...cats, text: secret(first.text) });
    const error = await failureOf(importKey({ ...cats, text: secret(second.text) }), second.text);
    expect(error.code).toBe("SECRET_EXISTS");
    await importKey({ ...cats, text: secret(second.text), add: true });
    expect(await listKeyFiles(cats)).toHaveLength(2);
  });

  it.each(["", "canary-no-key"])("refuses %j", async (text) => {
    const error = await failureOf(importKey({ ...cats, text: secret(text) }), "canary-no-key");
    expect(error.code).toBe("KEY_INVALID");
  });

  it("has nothing to export without a file, or for another public key", async () => {
    expect((await failureOf(exportKey(cats))).code).toBe("KEY_NOT_FOUND");
    await writeKeyFile({ ...cats, pair: (await keyWithText()).pair });
    const error = await failureOf(exportKey({ ...cats, publicKey: "smp1_other" }));
    expect(error.code).toBe("KEY_NOT_FOUND");
  });
});
