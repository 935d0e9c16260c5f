import { randomBytes } from "node:crypto";
import { inspect } from "node:util";

import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";

import {
  findPlaintext,
  guardNeedles,
  type GuardInput,
  type PlaintextFinding,
  type TravellingFile,
} from "../../../src/build/guard.ts";
import {
  PlaintextError,
  plaintextWarnings,
  refusePlaintext,
} from "../../../src/build/guard-refuse.ts";
import { PolicyError } from "../../../src/errors.ts";
import type { Needle } from "../../../src/needles/needle.ts";
import { wipeNeedles } from "../../../src/needles/needle.ts";
import { NeedleTable } from "../../../src/needles/table.ts";
import { Secret } from "../../../src/secret/secret.ts";

const TOKEN = "canary-9f2c-Zebra/Quark";
const PEM_LINES = [
  "-----BEGIN PRIVATE KEY-----",
  "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwgg9",
  "SjAgEAAoIBAQC7VJTUt9Us8cKjMzEfYyjiWA4R4",
  "-----END PRIVATE KEY-----",
];
const PEM = PEM_LINES.join("\n");
const KEY = `smk1_${"Qz9-".repeat(10)}abc`;

function needlesFor(values: Readonly<Record<string, string>>): Needle[] {
  const secrets = Object.entries(values).map(([name, value]) =>
    Secret.take(name, Buffer.from(value)),
  );
  const needles = guardNeedles(secrets);
  onTestFinished(() => wipeNeedles(needles));
  return needles;
}

function file(path: string, content: string | Buffer, chunk = Infinity): TravellingFile {
  const bytes = Buffer.from(content);
  return {
    path,
    async *open() {
      for (let at = 0; at < bytes.length; at += chunk)
        yield Buffer.from(bytes.subarray(at, Math.min(bytes.length, at + chunk)));
    },
  };
}

async function* each(files: readonly TravellingFile[]): AsyncGenerator<TravellingFile> {
  yield* files;
}

type Pairs = Iterable<readonly [string, string]>;

async function find(input: {
  readonly buildArgs?: Pairs;
  readonly labels?: Pairs;
  readonly dockerfile?: GuardInput["dockerfile"];
  readonly signal?: AbortSignal;
  readonly files?: readonly TravellingFile[];
}): Promise<PlaintextFinding[]> {
  const { buildArgs = [], labels = [], dockerfile, signal } = input;
  const needles = needlesFor({ NPM_TOKEN: TOKEN, TLS_KEY: PEM, DEBUG: "true", PIN: "1234" });
  const flags = [
    ...Array.from(buildArgs, ([name, value]) => ["build-arg", name, value] as const),
    ...Array.from(labels, ([name, value]) => ["label", name, value] as const),
  ];
  const more = { ...(dockerfile && { dockerfile }), signal };
  const files = each(input.files ?? []);
  return findPlaintext(new NeedleTable(needles), { ...more, flags, files });
}

/** `where what place` of each finding. */
function told(findings: readonly PlaintextFinding[]): string[] {
  return findings.map(({ where, what, place: { file: path, line, key } }) =>
    [where, what, [path ?? key, line].filter((part) => part !== undefined).join(":")].join(" | "),
  );
}

describe("IT3: plaintext in flags", () => {
  it.each([
    ["as it is", TOKEN, "secret NPM_TOKEN"],
    ["inside of other text", `https://bot:${TOKEN}@host/`, "secret NPM_TOKEN"],
    ["in base64", Buffer.from(`x${TOKEN}y`).toString("base64"), "secret NPM_TOKEN (as base64)"],
    ["in hex", Buffer.from(TOKEN).toString("hex"), "secret NPM_TOKEN (as hex)"],
    ["percent-encoded", encodeURIComponent(TOKEN), "secret NPM_TOKEN (as percent)"],
    ["a line of a PEM", PEM_LINES[1] ?? "", "a line of secret TLS_KEY"],
    ["a key of sealmount", KEY, "a private key of sealmount"],
  ])("%s", async (_name, value, what) => {
    const flags = [["OTHER", "fine"] as const, ["TOKEN", value] as const];
    expect(told(await find({ buildArgs: flags, labels: flags }))).toEqual([
      `build-arg | ${what} | --build-arg TOKEN`,
      `label | ${what} | --label TOKEN`,
    ]);
  });

  it("a secret as a name is not shown", async () => {
    const found = await find({ buildArgs: new Map([[TOKEN, ""]]) });
    expect(told(found)).toEqual(["build-arg | secret NPM_TOKEN | --build-arg number 1"]);
  });

  it("values that stand anywhere are not looked for", async () => {
    expect(
      await find({
        buildArgs: [
          ["DEBUG", "true"],
          ["PIN", "1234"],
        ],
      }),
    ).toEqual([]);
  });
});

describe("IT3: plaintext in files", () => {
  it("is told with its line, all places at once, in the order of the build", async () => {
    const found = await find({
      buildArgs: [["T", TOKEN]],
      labels: [["l", TOKEN]],
      dockerfile: { shown: "docker/Dockerfile", content: Buffer.from(`FROM x\nENV T=${TOKEN}\n`) },
      files: [
        file(".env", `A=1\nB=2\nTOKEN=${TOKEN}\n`),
        file("src/a.ts", `"${TOKEN}"\n\n// ${TOKEN}\n`),
        file("clean.txt", "nothing"),
        file("app.key", `# key\r\n${KEY}\r\n`),
        file("tls.pem", `\n${PEM}\n`),
      ],
    });
    expect(told(found)).toEqual([
      "build-arg | secret NPM_TOKEN | --build-arg T",
      "label | secret NPM_TOKEN | --label l",
      "dockerfile | secret NPM_TOKEN | docker/Dockerfile:2",
      "file | secret NPM_TOKEN | .env:3",
      "file | secret NPM_TOKEN | src/a.ts:1",
      "file | secret NPM_TOKEN | src/a.ts:3",
      "file | a private key of sealmount | app.key:2",
      "file | secret TLS_KEY | tls.pem:2",
    ]);
    expect(found.every(({ certain }) => certain)).toBe(true);
  });

  it("single lines of a value count where it is not there as a whole", async () => {
    const files = [file("notes", `a\n  ${PEM_LINES[2]}\n  ${PEM_LINES[1]}\n`)];
    expect(told(await find({ files }))).toEqual([
      "file | a line of secret TLS_KEY | notes:2",
      "file | a line of secret TLS_KEY | notes:3",
    ]);
  });

  it("a binary file has no lines", async () => {
    const files = [file("app.bin", Buffer.from(`\0\n\n${TOKEN}`))];
    expect(told(await find({ files }))).toEqual(["file | secret NPM_TOKEN | app.bin"]);
  });

  it("a name with a secret is withheld", async () => {
    const files = [file(`a-${Buffer.from(TOKEN).toString("hex")}`, TOKEN)];
    expect(told(await find({ files }))).toEqual([
      "file-name | secret NPM_TOKEN (as hex) | ***",
      "file | secret NPM_TOKEN | ***:1",
    ]);
  });

  it("one file full of it is one story", async () => {
    const found = await find({ files: [file("log", `${TOKEN}\n`.repeat(2_000))] });
    expect(found).toHaveLength(10);
  });

  it("a text about keys is no key", async () => {
    const text = "a key is smk1_ and 43 characters, smk1_… or smk1_tooShort";
    expect(await find({ files: [file("README.md", text)] })).toEqual([]);
  });

  it("is found wherever a file is cut", async () => {
    const content = Buffer.concat([
      Buffer.from("one\ntwo "),
      Buffer.from(TOKEN),
      Buffer.from(`\nthree\n${KEY}\n${Buffer.from(TOKEN).toString("base64")}`),
    ]);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: content.length }), async (size) => {
        expect(told(await find({ files: [file("f", content, size)] }))).toEqual([
          "file | secret NPM_TOKEN | f:2",
          "file | a private key of sealmount | f:4",
          "file | secret NPM_TOKEN (as base64) | f:5",
        ]);
      }),
      { numRuns: 60 },
    );
  });

  it("is found at any place of a large file, on its line", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(900_000), fc.nat(50), async (at, lines) => {
        const text = `${"\n".repeat(lines)}${"x".repeat(at)}${TOKEN}${"y".repeat(1_000)}`;
        const [found, ...more] = await find({ files: [file("f", text, 64 * 1024)] });
        expect(found?.place).toEqual({ file: "f", line: lines + 1 });
        expect(more).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });

  it("random bytes hold none of it", async () => {
    expect(await find({ files: [file("r", randomBytes(2_000_000), 65_536)] })).toEqual([]);
  });

  it("stops when it is told to", async () => {
    const signal = AbortSignal.abort(new Error("stopped"));
    await expect(find({ files: [file("a", "b")], signal })).rejects.toThrow("stopped");
  });

  it("works without any secret, for keys", async () => {
    const found = await findPlaintext(new NeedleTable([]), { files: each([file("k", KEY)]) });
    expect(told(found)).toEqual(["file | a private key of sealmount | k:1"]);
  });
});

describe("files that are only suspicious", () => {
  it.each([
    [".env", "A=1", "a file of variables"],
    ["web/.env.production", "A=1", "a file of variables"],
    [".env.example.local", "A=1", "a file of variables"],
    [".envrc", "A=1", "a file of variables"],
    ["tls/server.key", "-----BEGIN RSA PRIVATE KEY-----\nx", "a private key"],
    ["id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\nx", "a private key"],
    [".env.example", "A=1", null],
    [".env.prod.sample", "A=1", null],
    ["env", "A=1", null],
    ["server.key", "not a key", null],
    ["test/cert.pem", "-----BEGIN CERTIFICATE-----\nx", null],
    ["readme.md", "-----BEGIN PRIVATE KEY-----", null],
  ])("%s", async (path, content, what) => {
    const found = await find({ files: [file(path, content)] });
    expect(found.map((one) => one.what)).toEqual(what === null ? [] : [what]);
    expect(() => refusePlaintext(found)).not.toThrow();
    expect(plaintextWarnings(found, { allowed: false })).toEqual(
      what === null ? [] : [`${what} is not ignored: ${path} (add ${path} to .dockerignore)`],
    );
  });
});

describe("the refusal", () => {
  async function refusal(): Promise<PlaintextError> {
    const found = await find({
      buildArgs: [["T", TOKEN]],
      files: [file("a\u001b[31m", TOKEN), file(".env", "A=1"), file("k", KEY)],
    });
    try {
      refusePlaintext(found);
    } catch (error) {
      if (error instanceof PlaintextError) return error;
    }
    throw new Error("not refused");
  }

  it("names every place and what to do, and exits 9", async () => {
    const error = await refusal();
    expect(error).toBeInstanceOf(PolicyError);
    expect([error.code, error.exitCode]).toEqual(["POLICY", 9]);
    expect(error.message).toBe(
      "the build would send secrets in plain: secret NPM_TOKEN in --build-arg T, " +
        String.raw`secret NPM_TOKEN in a\u001b[31m:1, a private key of sealmount in k:1`,
    );
    expect(error.issues.map(({ message, place, hint }) => ({ message, place, hint }))).toEqual([
      {
        message: "secret NPM_TOKEN would travel in plain in --build-arg T",
        place: { key: "--build-arg T" },
        hint: expect.stringMatching(
          /^put it in \[build_secrets\] and use RUN --mount=type=secret,id=NPM_TOKEN .*--allow-plaintext/,
        ),
      },
      {
        message: "secret NPM_TOKEN would travel in plain",
        place: { file: String.raw`a\u001b[31m`, line: 1 },
        hint: expect.stringMatching(/^add .* to \.dockerignore/),
      },
      {
        message: "a private key of sealmount would travel in plain",
        place: { file: "k", line: 1 },
        hint: expect.stringMatching(/^add k to \.dockerignore/),
      },
    ]);
  });

  it("when plaintext is allowed, each place is said aloud", async () => {
    const { findings } = await refusal();
    const [first, ...more] = plaintextWarnings(findings, { allowed: true });
    expect(first).toContain("secret NPM_TOKEN TRAVELS IN PLAIN");
    expect(more).toHaveLength(2);
  });

  it("holds no value, nowhere", async () => {
    const error = await refusal();
    const text =
      inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error) + error.stack;
    for (const value of [TOKEN, KEY, TOKEN.slice(0, 8)]) expect(text).not.toContain(value);
  });

  it("is none when nothing was found", () => {
    expect(() => refusePlaintext([])).not.toThrow();
  });

  it("says when there may be more", async () => {
    const found = await find({ files: [file("a", TOKEN)] });
    expect(() => refusePlaintext(found, true)).toThrow(/a:1; not every file was looked at$/);
  });

  it("names the first places of very many", async () => {
    const files = Array.from({ length: 30 }, (_none, index) => file(`f${index}`, TOKEN));
    const found = await find({ files });
    expect(() => refusePlaintext(found)).toThrow(/f19:1, and 10 more$/);
  });
});
