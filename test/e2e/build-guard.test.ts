import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";

import { beforeEach, describe, expect, it } from "vitest";

import { StandardInput } from "../../src/build/standard-input.ts";
import { Engine } from "../../src/docker/engine.ts";
import { Secret } from "../../src/secret/secret.ts";
import { BATCH_BYTES } from "../../src/session/filesync/outgoing.ts";
import { DATA_OVERHEAD } from "../../src/session/filesync/packet.ts";
import { needsEngine, testEngine } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { findOnDisk } from "../support/disk.ts";
import type { World } from "../support/temp.ts";
import { fakeEngine } from "../unit/session/fake-engine.ts";
import { attempt, type Attempt, BASE, built, dockerfile, worldWithImage } from "./build-harness.ts";

const TAG = `smtest-guard-${process.pid}`;
/** Most of a file that travels in one packet. */
const CHUNK = BATCH_BYTES / 2 - DATA_OVERHEAD;

type More = NonNullable<Parameters<typeof attempt>[1]>;

let world: World;
let value: string;
let since: string;
beforeEach(async () => {
  world = await worldWithImage(TAG);
  value = canary("plain");
  since = await world.write("../since", "");
  await dockerfile(world, "COPY . /app");
});

/** A build that looks for the value. */
function guarded(allowPlaintext = false): More {
  const secrets = async (): Promise<Secret[]> => [
    Secret.take("prod/API_KEY", Buffer.from(value)),
    Secret.take("prod/OTHER", Buffer.from(canary("other"))),
  ];
  return { tags: [TAG], guard: { secrets, allowPlaintext } };
}

interface Refusal {
  readonly places: readonly object[];
  readonly hints: readonly string[];
}

/** What a refused build says; it says no value, and none is with the engine. */
async function refusalOf({ error, result, events }: Attempt, hidden = value): Promise<Refusal> {
  expect(error).toMatchObject({ code: "POLICY", exitCode: 9 });
  expect(result).toBeNull();
  expect(leaksIn(JSON.stringify([error, String(error), events]), [hidden])).toEqual([]);
  expect(await onDisk(hidden)).toEqual([]);
  const { issues } = error as { issues: readonly { place: object; hint: string }[] };
  return { places: issues.map(({ place }) => place), hints: issues.map(({ hint }) => hint) };
}

async function onDisk(hidden: string): Promise<readonly string[]> {
  const hits = await findOnDisk(testEngine().dataRoot, [hidden], since);
  return hits.map(({ path }) => path);
}

describe("IT3: plaintext that is about to travel", () => {
  it("is refused with every place, before the engine is asked to build anything", async () => {
    await using fake = await fakeEngine();
    const engine = await Engine.connect(fake.endpoint);
    await world.write("src/config.js", `// a\nconst key = '${value}';\n`);
    await world.write("ignored.js", value);
    await world.write(".dockerignore", "ignored.js\n");
    await dockerfile(world, `ENV KEY='${value}'`, "COPY . /app");
    const made = await attempt(world, {
      ...guarded(),
      engine,
      buildArgs: [`TOKEN=${value}`],
      labels: [`note=${Buffer.from(value).toString("base64")}`],
      annotations: [`a=${value}`],
      buildContexts: [`other=https://bot:${value}@host/x.git`],
    });
    const { places, hints } = await refusalOf(made);
    expect(places).toEqual([
      { key: "--build-arg TOKEN" },
      { key: "--label note" },
      { key: "--annotation a" },
      { key: "--build-context other" },
      { file: "Dockerfile", line: 2 },
      { file: "Dockerfile", line: 2 },
      { file: "src/config.js", line: 2 },
    ]);
    for (const hint of hints) expect(hint).toContain("--allow-plaintext");
    // the two connections may be there; nothing was asked on them
    expect(fake.seen.filter((line) => !/_ping|version|session|grpc$/.test(line))).toEqual([]);
  });

  it.each([
    ["as it is", (text: string) => `x=${text}\n`],
    ["in base64", (text: string) => Buffer.from(`user:${text}`).toString("base64")],
    ["in JSON", (text: string) => JSON.stringify({ text })],
  ])("is refused in a file, %s, with all places", async (_name, write) => {
    await world.write("a/config", `\n${write(value)}`);
    await world.write("z.txt", `\n\n${value}`);
    const { places, hints } = await refusalOf(await attempt(world, guarded()));
    expect(places).toEqual([
      { file: "a/config", line: 2 },
      { file: "z.txt", line: 3 },
    ]);
    expect(hints[0]).toMatch(/^add a\/config to .dockerignore/);
  });

  it.each([
    ["in the middle of a large file", 700_001],
    ["over the border of two packets", 8 * CHUNK - 20],
    ["at its end", -1],
  ])("is refused %s, and not even half of it travels", async (_name, at) => {
    const bytes = Buffer.alloc(1_500_000, "some text, line after line\n");
    const place = at < 0 ? bytes.length - Buffer.byteLength(value) : at;
    bytes.write(value, place);
    await world.write("large", bytes);
    const { places } = await refusalOf(await attempt(world, guarded()));
    const line = bytes.toString("latin1", 0, place).split("\n").length;
    expect(places).toEqual([{ file: "large", line }]);
    // half of it is as good as a whole
    expect(await onDisk(value.slice(0, 20))).toEqual([]);
  });

  it("is refused in .env, in a key file, and as a key", async () => {
    const key = `smk1_${Buffer.alloc(32, value).toString("base64url")}`;
    await world.write(".env", `A=1\nTOKEN=${value}\n`);
    await world.write("app.key", `# a key\n${key}\n`);
    const { places } = await refusalOf(await attempt(world, guarded()));
    expect(places).toEqual([
      { file: ".env", line: 2 },
      { file: "app.key", line: 2 },
    ]);
    expect(await onDisk(key)).toEqual([]);
  });

  it("is refused in a folder of --build-context, but not in what that ignores", async (context) => {
    await needsEngine(context, [23, 0], "--build-context");
    await world.write("../more/keys.txt", `${value}\n`);
    await world.write("../more/private/keys.txt", value);
    await world.write("../more/.dockerignore", "private\n");
    await dockerfile(world, "COPY --from=more . /app");
    const made = await attempt(world, { ...guarded(), buildContexts: ["more=../more"] });
    const { places, hints } = await refusalOf(made);
    expect(places).toEqual([{ file: "../more/keys.txt", line: 1 }]);
    expect(hints[0]).toMatch(/^add keys.txt to ..\/more\/.dockerignore/);
  });

  it("is refused in a tar on stdin", async () => {
    const { pack } = await import("tar-stream");
    const tar = pack();
    tar.entry({ name: "Dockerfile" }, `FROM ${BASE}\nCOPY . /app\n`);
    tar.entry({ name: "large" }, Buffer.alloc(1_000_000, 7));
    tar.entry({ name: "keys" }, value);
    tar.finalize();
    const stdin = new StandardInput(Readable.from(tar));
    const made = await attempt(world, { ...guarded(), context: "-", stdin });
    await refusalOf(made);
    expect(String(made.error)).toContain("secret prod/API_KEY in the tar on stdin");
  });

  it("is refused when docker's own --secret has the value", async () => {
    await world.write("notes.txt", `${value}\n`);
    const env = { TOKEN: value };
    const made = await attempt(world, { guard: {}, env, secretFlags: ["id=npm,env=TOKEN"] });
    expect((await refusalOf(made)).places).toEqual([{ file: "notes.txt", line: 1 }]);
  });
});

describe("what may travel", () => {
  it("does when that is allowed, with a warning for each place", async () => {
    await world.write("config.js", `\n${value}`);
    await dockerfile(world, `LABEL note='${value}'`, "COPY config.js /");
    const { error, result, events } = await attempt(world, guarded(true));
    expect(error).toBeNull();
    expect(result?.warnings).toEqual([
      expect.stringMatching(/^secret prod\/API_KEY TRAVELS IN PLAIN .*: Dockerfile:2 /),
      expect.stringMatching(/^secret prod\/API_KEY TRAVELS IN PLAIN .*: config.js:2 /),
    ]);
    expect(events.filter(({ kind }) => kind === "warning")).toHaveLength(2);
    // the counter-proof of all refusals: it would have been found
    expect(await onDisk(value)).not.toEqual([]);
  });

  it("is what the engine has already: an unchanged file is not looked at", async () => {
    await world.write("config.js", value);
    await built(world, guarded(true));
    expect((await attempt(world, guarded())).error).toBeNull();
    await world.write("config.js", `${value} `);
    expect((await attempt(world, guarded())).error).toMatchObject({ code: "POLICY" });
  });

  it("is what no step copies, and what is ignored", async () => {
    await world.write("other.js", value);
    await world.write("app/ignored.js", value);
    await world.write("app/used.js", "clean");
    await world.write(".dockerignore", "app/ignored.js\n");
    await dockerfile(world, "COPY app /app");
    const { error, result } = await attempt(world, guarded());
    expect([error, result?.warnings]).toEqual([null, []]);
    expect(await onDisk(value)).toEqual([]);
  });

  it("is said of .env, and of a private key, but they travel", async () => {
    await world.write(".env", "A=1\n");
    await world.write("tls.key", "-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n");
    await world.write("public.pem", "-----BEGIN CERTIFICATE-----\nQUJD\n");
    const { error, result } = await attempt(world, guarded());
    expect(error).toBeNull();
    // in the order in which the engine asks for the files
    expect(result?.warnings.toSorted()).toEqual([
      "a file of variables is not ignored: .env (add .env to .dockerignore)",
      "a private key is not ignored: tls.key (add tls.key to .dockerignore)",
    ]);
  });

  it("is no matter of names: a clean context builds without a word", async () => {
    await world.write("API_KEY.js", "export const API_KEY = process.env.API_KEY;\n");
    await world.write("packed.gz", gzipSync(value));
    const { error, result } = await attempt(world, guarded());
    expect([error, result?.warnings]).toEqual([null, []]);
  });

  it("is not decided by a value that does not open", async () => {
    const secrets = async (): Promise<never> => Promise.reject(new Error("no key"));
    await world.write("config.js", value);
    expect((await attempt(world, { guard: { secrets } })).error).toBeNull();
  });
});
