import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { encodeBase64 } from "../../../src/crypto/base64.ts";
import type { Binding } from "../../../src/crypto/envelope.ts";
import { newKeyPair, parsePublicKey, type KeyPair } from "../../../src/crypto/keypair.ts";
import { seal, unseal, unsealAll } from "../../../src/crypto/seal.ts";
import { SealmountError } from "../../../src/errors.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { sealRaw } from "./raw-box.ts";

const CANARY = "canary-7f21-opal-quartz";
const PROD: Binding = { app: "cats", scope: "prod", name: "API_KEY" };
const secret = (value: string | Uint8Array): Secret => Secret.take("test", Buffer.from(value));

let ours: KeyPair;
let theirs: KeyPair;
beforeAll(async () => {
  ours = await newKeyPair();
  theirs = await newKeyPair();
});

const failure = async (opening: Promise<unknown>): Promise<SealmountError> => {
  const error: unknown = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SealmountError)) throw new Error("it opened, or failed as a bug does");
  expect(`${error.message} ${error.hint ?? ""} ${error.stack ?? ""}`).not.toContain(CANARY);
  return error;
};

describe("seal and unseal", () => {
  it("unseal inverts seal, for 0 to 64 KiB of any bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 * 1024, size: "max" }), async (bytes) => {
        const text = await seal(ours.publicKey, PROD, secret(bytes));
        expect(text).toMatch(/^[\w-]+$/);
        const { secret: opened, bound, key } = await unseal(text, [ours], PROD);
        expect(opened.equals(secret(bytes))).toBe(true);
        expect({ bound, key, name: opened.name }).toEqual({
          bound: true,
          key: ours,
          name: "API_KEY",
        });
      }),
      { numRuns: 30 },
    );
  });

  it("opens a value of 512,000 bytes, and an empty one", async () => {
    for (const length of [0, 512_000]) {
      const text = await seal(ours.publicKey, PROD, secret(Buffer.alloc(length, 0xc3)));
      const opened = await unseal(text, [ours], PROD);
      expect(opened.secret.use((bytes) => bytes.length)).toBe(length);
    }
  });

  it("IX3: the box holds no byte of the value and is different each time", async () => {
    const first = await seal(ours.publicKey, PROD, secret(CANARY));
    const second = await seal(ours.publicKey, PROD, secret(CANARY));
    expect(first).not.toBe(second);
    expect(Buffer.from(first, "base64url").includes(CANARY)).toBe(false);
  });

  it("leaves the value that it seals to the caller", async () => {
    const value = secret(CANARY);
    await seal(ours.publicKey, PROD, value);
    expect(value.equals(secret(CANARY))).toBe(true);
  });

  it("IT11: reads padding and the standard alphabet", async () => {
    const text = await seal(ours.publicKey, PROD, secret(CANARY));
    const standard = Buffer.from(text, "base64url").toString("base64");
    expect((await unseal(standard, [ours], PROD)).secret.equals(secret(CANARY))).toBe(true);
  });

  it("opens with whichever of many keys fits, wherever it stands", async () => {
    const text = await seal(ours.publicKey, PROD, secret(CANARY));
    for (const keys of [[ours], [theirs, ours], [ours, theirs]]) {
      expect((await unseal(text, keys, PROD)).key).toBe(ours);
    }
  });

  it("refuses an all-zero public key", async () => {
    const zero = parsePublicKey(encodeBase64(Buffer.alloc(32), "url").toString());
    if (zero === null) throw new Error("no key");
    const error = await failure(seal(zero, PROD, secret(CANARY)));
    expect(error.code).toBe("KEY_INVALID");
  });
});

describe("IT16: a value that was moved", () => {
  it.each<[string, Binding, RegExp]>([
    ["name", { ...PROD, name: "OTHER" }, /^env\.prod\.OTHER .*env\.prod\.API_KEY of app cats/],
    ["env", { ...PROD, scope: "test" }, /^env\.test\.API_KEY .*env\.prod\.API_KEY of app cats/],
    ["common", { ...PROD, scope: "common" }, /^env\.common\.API_KEY .*env\.prod\.API_KEY/],
    ["build", { ...PROD, scope: "build" }, /^build_secrets\.API_KEY .*env\.prod\.API_KEY/],
    ["app", { ...PROD, app: "dogs" }, /another app: env\.prod\.API_KEY of app cats.*of app dogs/],
  ])("to another %s is refused, and both places are named", async (_, elsewhere, message) => {
    const text = await seal(ours.publicKey, PROD, secret(CANARY));
    const error = await failure(unseal(text, [ours], elsewhere));
    expect(error.code).toBe("UNSEAL_BOUND_ELSEWHERE");
    expect(error.exitCode).toBe(5);
    expect(error.message).toMatch(message);
    expect(error.hint).toContain(`sealmount set ${elsewhere.name}`);
  });

  it("from build to run time is refused", async () => {
    const build = { ...PROD, scope: "build", name: "npm-token" };
    const text = await seal(ours.publicKey, build, secret(CANARY));
    const error = await failure(unseal(text, [ours], { ...build, scope: "common" }));
    expect(error.message).toContain("build_secrets.npm-token of app cats");
  });

  it("is refused for any other triple of names", async () => {
    const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
    const binding = fc.record({ app: word, scope: word, name: word });
    await fc.assert(
      fc.asyncProperty(binding, binding, async (from, to) => {
        fc.pre(JSON.stringify(from) !== JSON.stringify(to));
        const text = await seal(ours.publicKey, from, secret(CANARY));
        expect((await failure(unseal(text, [ours], to))).code).toBe("UNSEAL_BOUND_ELSEWHERE");
      }),
      { numRuns: 50 },
    );
  });

  it("shows control characters of the foreign names as escapes, and not at any length", async () => {
    const foreign = { app: `\u001b[2J\u202e${"x".repeat(500)}`, scope: "prod\n", name: "A\u009b" };
    const text = await seal(ours.publicKey, foreign, secret(CANARY));
    const { message } = await failure(unseal(text, [ours], PROD));
    expect(message).not.toMatch(/\p{Cc}|\p{Cf}/u);
    expect(message.length).toBeLessThan(400);
  });
});

describe("a value that does not open", () => {
  it("DO9: says which key is missing, when the manifest names it", async () => {
    const text = await seal(theirs.publicKey, PROD, secret(CANARY));
    const options = {
      publicKey: theirs.publicKey.text,
      place: { file: "iterapp.toml", line: 14, column: 1, key: "env.prod.API_KEY" },
      keyPlaces: ["SEALMOUNT_KEY", "/run/secrets/sealmount_key"],
    };
    const error = await failure(unseal(text, [ours], PROD, options));
    expect(error).toMatchObject({ code: "UNSEAL_WRONG_KEY", exitCode: 5, place: options.place });
    expect(error.message).toBe(
      `env.prod.API_KEY is sealed for key ${theirs.publicKey.fingerprint}, which is not among your 1 key (${ours.publicKey.fingerprint})`,
    );
    expect(error.hint).toContain("SEALMOUNT_KEY, /run/secrets/sealmount_key");
  });

  it("leaves both open when the manifest names no key", async () => {
    const text = await seal(theirs.publicKey, PROD, secret(CANARY));
    const error = await failure(unseal(text, [ours], PROD));
    expect(error.code).toBe("UNSEAL_WRONG_KEY");
    expect(error.message).toMatch(/sealed for another key, or damaged$/);
  });

  it("is damaged when the manifest's key was tried", async () => {
    const text = await seal(ours.publicKey, PROD, secret(CANARY));
    const box = Buffer.from(text, "base64url");
    box[60] = (box[60] ?? 0) ^ 1;
    const options = { publicKey: ours.publicKey.text };
    const error = await failure(unseal(box.toString("base64url"), [ours, theirs], PROD, options));
    expect(error.code).toBe("UNSEAL_DAMAGED");
    expect(error.message).toContain(ours.publicKey.fingerprint);
    expect(error.message).not.toContain("cut short");
    const cut = box.subarray(0, -3).toString("base64url");
    expect((await failure(unseal(cut, [ours], PROD, options))).message).toContain("cut short");
  });

  it("fails for a change of any single byte", async () => {
    const box = Buffer.from(await seal(ours.publicKey, PROD, secret(CANARY)), "base64url");
    for (let at = 0; at < box.length; at++) {
      const changed = Buffer.from(box);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      const error = await failure(unseal(changed.toString("base64url"), [ours], PROD));
      expect(error.code).toBe("UNSEAL_WRONG_KEY");
    }
  });

  it.each([
    ["not base64url", "not base64url!", "UNSEAL_BASE64"],
    ["half a character group", "AAAAA", "UNSEAL_BASE64"],
    ["47 bytes long", Buffer.alloc(47).toString("base64url"), "UNSEAL_TRUNCATED"],
    ["48 zero bytes", Buffer.alloc(48).toString("base64url"), "UNSEAL_WRONG_KEY"],
  ])("that is %s: its own error, and no text of it", async (_, text, code) => {
    const error = await failure(unseal(text, [ours], PROD));
    expect(error.code).toBe(code);
    expect(error.message).not.toContain(text);
  });

  it("that is empty is cut short", async () => {
    expect((await failure(unseal("", [ours], PROD))).code).toBe("UNSEAL_TRUNCATED");
  });

  it("an envelope of another version, or one that is broken, has its own error", async () => {
    const next = await sealRaw(ours, '{"v":2,"app":"cats","env":"prod","name":"API_KEY","x":1}');
    expect(await failure(unseal(next, [ours], PROD))).toMatchObject({
      code: "UNSEAL_VERSION",
      message: "env.prod.API_KEY holds an envelope of an unknown version",
    });
    const broken = await sealRaw(ours, '{"v":1,"app":"cats","env":"prod","name":"API_KEY"}');
    expect((await failure(unseal(broken, [ours], PROD))).code).toBe("UNSEAL_DAMAGED");
  });
});

describe("a box without an envelope", () => {
  it.each(["raw value", "", '{"type":"service_account"}', "\0\n"])(
    "opens as raw bytes: %j",
    async (value) => {
      const opened = await unseal(await sealRaw(ours, value), [ours], PROD);
      expect(opened.bound).toBe(false);
      expect(opened.secret.equals(secret(value))).toBe(true);
    },
  );

  it("is refused where bound values are required", async () => {
    const text = await sealRaw(ours, CANARY);
    const error = await failure(unseal(text, [ours], PROD, { requireBound: true }));
    expect(error.code).toBe("UNSEAL_UNBOUND");
  });
});

describe("unsealAll", () => {
  it("opens many, in order, each with the key that fits", async () => {
    const items = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const expected = { ...PROD, name: `N${i}` };
        const { publicKey } = i % 2 === 0 ? ours : theirs;
        return { text: await seal(publicKey, expected, secret(`v${i}`)), expect: expected };
      }),
    );
    const opened = await unsealAll(items, [ours, theirs]);
    expect(opened.map((one) => one.secret.use(String))).toEqual(items.map((_, i) => `v${i}`));
    expect(opened.map((one) => one.key)).toEqual(items.map((_, i) => (i % 2 ? theirs : ours)));
  });

  it("opens all or none", async () => {
    const good = { text: await seal(ours.publicKey, PROD, secret(CANARY)), expect: PROD };
    const bad = { text: await seal(theirs.publicKey, PROD, secret(CANARY)), expect: PROD };
    expect((await failure(unsealAll([good, bad], [ours]))).code).toBe("UNSEAL_WRONG_KEY");
    expect(await unsealAll([], [ours])).toEqual([]);
  });

  it("fails without any key", async () => {
    const text = await seal(ours.publicKey, PROD, secret(CANARY));
    const error = await failure(unseal(text, [], PROD));
    expect(error.message).toContain("there is none");
  });
});
