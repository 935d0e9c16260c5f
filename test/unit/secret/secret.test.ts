import { EventEmitter } from "node:events";
import { format, formatWithOptions, inspect } from "node:util";
import { serialize } from "node:v8";
import { describe, expect, it } from "vitest";
import { SealmountError } from "../../../src/errors.ts";
import { SecretSet } from "../../../src/secret/secret-set.ts";
import { Secret } from "../../../src/secret/secret.ts";

const CANARY = "jasper-canary-28-topaz";
/** What a leak would look like: text, hex as inspect prints a buffer, numbers as JSON does. */
const TRACES = [
  CANARY,
  CANARY.slice(0, 6),
  Buffer.from(CANARY).toString("hex").slice(0, 12),
  Buffer.from(CANARY).toString("base64").slice(0, 8),
  [...Buffer.from(CANARY.slice(0, 4))].join(","),
  [...Buffer.from(CANARY.slice(0, 4))].map((byte) => byte.toString(16)).join(" "),
];

const take = (text = CANARY, name = "API_KEY"): Secret => Secret.take(name, Buffer.from(text));
/** For mistakes that the compiler and the linter would stop. */
const anything = (secret: unknown): never => secret as never;

/** Each way by which a value reaches a screen, a log or another process. */
const CHANNELS: [string, (secret: Secret) => unknown][] = [
  ["a template", (s) => `x ${anything(s) as string}`],
  ["String()", (s) => String(s)],
  ["toString", (s) => s.toString()],
  ["+", (s) => "x" + anything(s)],
  ["concat", (s) => "x".concat(anything(s))],
  ["join", (s) => [s, s].join()],
  ["a number", (s) => Number(s)],
  ["JSON.stringify", (s) => JSON.stringify(s)],
  ["JSON.stringify, inside", (s) => JSON.stringify({ deep: [{ s }] }, null, 2)],
  ["inspect", (s) => inspect(s)],
  ["inspect showHidden", (s) => inspect(s, { showHidden: true, depth: 9, getters: true })],
  ["inspect without customInspect", (s) => inspect(s, { customInspect: false, showHidden: true })],
  [
    "inspect showProxy",
    (s) => inspect(new Proxy(s, {}), { showProxy: true, customInspect: false }),
  ],
  [
    "inspect, inside",
    (s) => inspect({ deep: { s, list: [s], map: new Map([[s, s]]) } }, { depth: 9 }),
  ],
  ["%s", (s) => format("%s", s)],
  ["%o", (s) => format("%o", s)],
  ["%O", (s) => format("%O", s)],
  ["%j", (s) => format("%j", s)],
  ["%d", (s) => format("%d", s)],
  ["%i %f %c", (s) => format("%i %f %c", s, s, s)],
  ["format, surplus", (s) => formatWithOptions({ showHidden: true, customInspect: false }, "x", s)],
  ["an error's message", (s) => inspect(new Error(String(s)))],
  [
    "an error's property",
    (s) => inspect(Object.assign(new Error("x"), { s }), { showHidden: true }),
  ],
  ["an error's cause", (s) => inspect(new Error("x", { cause: s }), { showHidden: true })],
  ["an AggregateError", (s) => inspect(new AggregateError([s], "x"), { showHidden: true })],
  [
    "its own error",
    (s) => inspect(new SealmountError("USAGE", s.toString()), { showHidden: true }),
  ],
  ["Object.keys", (s) => Object.keys(s).join()],
  ["Object.values", (s) => inspect(Object.values(s))],
  ["own names", (s) => inspect(Object.getOwnPropertyDescriptors(s), { showHidden: true })],
  ["Reflect.ownKeys", (s) => Reflect.ownKeys(s).map((key) => inspect(Reflect.get(s, key)))],
  ["for in", (s) => inspect(Object.fromEntries(Object.entries(s)))],
  ["spread", (s) => inspect(Object.assign({}, s), { showHidden: true })],
  ["structuredClone", (s) => inspect(structuredClone(s), { showHidden: true })],
  ["v8.serialize", (s) => serialize(s).toString("latin1")],
  [
    "a Date, a RegExp, a URL",
    (s) => [new RegExp(String(s)), new URLSearchParams({ s: String(s) })].join(),
  ],
  ["Buffer.from", (s) => Buffer.from(String(s)).toString("latin1")],
  ["a stack", (s) => new Error(anything(s)).stack],
  ["an event", (s) => inspect(new EventEmitter().emit("x", s))],
  ["toPrimitive as a number", (s) => anything(s) * 1],
];

describe("IX20: a Secret can't be printed", () => {
  it.each(CHANNELS)("by %s", (_, channel) => {
    const secret = take();
    const printed = [channel(secret)].flat().map(String).join("\n");
    for (const trace of TRACES) expect(printed.includes(trace)).toBe(false);
  });

  it("gives its name in place of the value", () => {
    const secret = take();
    expect(String(secret)).toBe("[secret API_KEY]");
    expect(JSON.stringify({ secret })).toBe('{"secret":"[secret API_KEY]"}');
    expect(inspect([secret])).toBe("[ [secret API_KEY] ]");
  });

  it("by a failed assertion: vitest's diff shows no byte", () => {
    const compare = [
      () => expect(take()).toBe(take("other")),
      () => expect({ deep: take() }).toStrictEqual({ deep: take("other", "OTHER") }),
      () => expect([take()]).toContain(take()),
    ];
    for (const failing of compare) {
      const text = messageOf(failing);
      expect(text.length).toBeGreaterThan(0);
      for (const trace of TRACES) expect(text.includes(trace)).toBe(false);
    }
  });

  it("by the search itself: a bare buffer would be found", () => {
    const bare = { value: Buffer.from(CANARY) };
    const leaks = [inspect(bare), JSON.stringify(bare), inspect(bare.value, { showHidden: true })];
    for (const text of leaks) expect(TRACES.some((trace) => text.includes(trace))).toBe(true);
  });
});

describe("a Secret's life", () => {
  it("takes the bytes and wipes where they came from", () => {
    const source = Buffer.from(CANARY);
    const secret = Secret.take("X", source);
    expect(source.every((byte) => byte === 0)).toBe(true);
    expect(secret.use(String)).toBe(CANARY);
  });

  it("has memory of its own, not the pool that Buffer.from shares", () => {
    take("x").use((bytes) => expect(bytes.buffer.byteLength).toBe(bytes.length));
  });

  it("is gone after wipe, which may be repeated, and after its block", () => {
    const secret = take();
    const bytes = secret.use((buffer) => buffer);
    secret.wipe();
    secret.wipe();
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    expect(() => secret.use(String)).toThrow("secret API_KEY was wiped");
    let inner: Secret;
    {
      using scoped = take();
      inner = scoped;
    }
    expect(() => inner.use(String)).toThrow(/was wiped/);
  });

  it("copies have a life of their own", () => {
    const secret = take();
    const copy = secret.copy("COPY");
    secret.wipe();
    expect([copy.name, copy.use(String)]).toEqual(["COPY", CANARY]);
  });

  it.each([
    ["the same bytes", CANARY, true],
    ["other bytes of the same length", CANARY.replace("28", "29"), false],
    ["fewer bytes", CANARY.slice(1), false],
    ["none", "", false],
  ])("equals compares bytes, not names: %s", (_, other, same) => {
    expect(take().equals(take(other, "OTHER"))).toBe(same);
    expect(take("").equals(take(""))).toBe(true);
  });
});

describe("SecretSet", () => {
  it("owns what is added, and wipes it", () => {
    const secrets = new SecretSet();
    const [first, second] = [secrets.add(take("a", "A")), secrets.add(take("b", "A"))];
    expect([secrets.size, [...secrets].map((secret) => secret.use(String))]).toEqual([
      2,
      ["a", "b"],
    ]);
    secrets[Symbol.dispose]();
    expect(secrets.size).toBe(0);
    for (const secret of [first, second]) expect(() => secret.use(String)).toThrow(/was wiped/);
  });

  it("can't be printed either", () => {
    using secrets = new SecretSet();
    secrets.add(take());
    const printed = [inspect(secrets, { showHidden: true }), JSON.stringify(secrets)].join();
    for (const trace of TRACES) expect(printed.includes(trace)).toBe(false);
  });
});

function messageOf(failing: () => unknown): string {
  try {
    failing();
  } catch (error) {
    return inspect(error, { showHidden: true, depth: 9 });
  }
  throw new Error("it did not fail");
}

describe("a secret with parts", () => {
  it("copies them and its user name, and wipes them with itself", () => {
    const secret = Secret.take("LOGIN", Buffer.from(CANARY), "bot");
    const part = Secret.take("part", Buffer.from(CANARY));
    secret.adopt(part);
    const copy = secret.copy("prod/LOGIN");
    expect([copy.name, copy.username, copy.parts.length]).toEqual(["prod/LOGIN", "bot", 1]);
    secret.wipe();
    expect(() => part.use(String)).toThrow("was wiped");
    expect(secret.parts).toEqual([]);
    expect(copy.parts[0]?.use(String) === CANARY).toBe(true);
    expect(copy.copy("x", "other").username).toBe("other");
  });
});
