import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { needlesOf } from "../../../src/needles/variants.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { verdictOf } from "../../../src/verify/model.ts";
import type { VerifyReport } from "../../../src/verify/model.ts";
import { renderReport, reportJson } from "../../../src/verify/report.ts";
import { archiveStream } from "../../../src/verify/sources/archive.ts";
import { verify } from "../../../src/verify/verify.ts";
import {
  digestOf,
  legacyArchive,
  ociArchive,
  ociMembers,
  secretsOf,
  tar,
  verifyBytes,
} from "./archives.ts";
import type { ImageOptions } from "./archives.ts";

const CANARY = 'verify>>>canary???58+/"ö&';
const SECRETS = { "prod/API_KEY": CANARY };

/** No form of the value may be in anything that a report becomes. */
function expectMute(report: VerifyReport): void {
  const texts = [JSON.stringify(reportJson(report)), renderReport(report).join("\n")];
  const secret = Secret.take("S", Buffer.from(CANARY));
  for (const needle of needlesOf(secret)) {
    for (const text of texts) expect(Buffer.from(text).includes(needle.bytes)).toBe(false);
  }
}

const LAYOUTS: readonly (readonly [string, (o: ImageOptions) => Promise<Buffer>])[] = [
  ["legacy layout", legacyArchive],
  ["OCI layout", ociArchive],
  ["OCI layout, gzip", (o) => ociArchive({ ...o, form: "gzip" })],
  ["OCI layout, zstd", (o) => ociArchive({ ...o, form: "zstd" })],
];

describe.each(LAYOUTS)("verify, %s", (_name, archive) => {
  it("RI18: a clean image is clean, and the report says what was searched", async () => {
    const layers = [{ "etc/a": "1", "etc/b": "2" }, { "app/": { type: "directory" as const } }];
    const report = await verifyBytes(await archive({ layers }), SECRETS);
    expect(report).toMatchObject({ files: 3, secrets: 1, findings: [], unproved: [], unseen: [] });
    expect(report.layers.map(({ files }) => files)).toEqual([2, 1]);
    expect(report.layers.map(({ createdBy }) => createdBy)).toEqual([
      "COPY layer 1",
      "COPY layer 2",
    ]);
    expect(report.bytes).toBeGreaterThan(3 * 512);
    expect(report.needles).toBeGreaterThan(10);
    expect(report.configs).toHaveLength(1);
    expect(verdictOf(report)).toBe("clean");
  });

  it("IT4 IT12: a value in a file: layer, digest, instruction, path, offset", async () => {
    const bytes = await archive({
      layers: [{ a: "1" }, { "app/.npmrc": `//host/:_authToken=${CANARY}\n` }],
      history: [{ created_by: "FROM" }, { created_by: `RUN echo ${CANARY}` }],
    });
    const { findings, layers } = await verifyBytes(bytes, SECRETS);
    expect(findings[0]).toEqual({
      secret: "prod/API_KEY",
      encoding: "raw",
      where: "layer",
      part: "content",
      path: "/app/.npmrc",
      offset: 19,
      count: 1,
      layer: {
        index: 1,
        digest: layers[1]?.digest,
        diffId: digestOf(await tar({ "app/.npmrc": `//host/:_authToken=${CANARY}\n` })),
        createdBy: "RUN echo ***",
      },
    });
    expect(findings[1]).toMatchObject({
      where: "history",
      path: "history[1]",
      layer: { index: 1 },
    });
    expect(findings).toHaveLength(2);
  });

  it.each([
    ["raw", CANARY],
    ["base64", Buffer.from(`user:${CANARY}`).toString("base64")],
    ["base64url", Buffer.from(`..........${CANARY}`).toString("base64url")],
    ["hex", Buffer.from(CANARY).toString("hex")],
    ["hex", Buffer.from(CANARY).toString("hex").toUpperCase()],
    ["percent", encodeURIComponent(CANARY)],
    ["json", JSON.stringify(CANARY)],
  ])("IT4: finds the value as %s", async (encoding, text) => {
    const report = await verifyBytes(
      await archive({ layers: [{ "a/b": `x ${text} x` }] }),
      SECRETS,
    );
    expect(report.findings).toHaveLength(1);
    const [found] = report.findings;
    expect([found?.encoding, ...(found?.also ?? [])]).toContain(encoding);
    expect(found?.path).toBe("/a/b");
    expectMute(report);
  });

  it("IT4: finds what a later layer deletes or replaces, and says so", async () => {
    const leak = { body: CANARY };
    const layers = [
      { "a/gone": leak, "b/dir/gone": leak, "c/opaque": leak, "d/replaced": leak, "e/kept": leak },
      { "a/.wh.gone": "", "b/.wh.dir": "", "c/.wh..wh..opq": "" },
      { "d/replaced": "new", "e/other": "", "e/.wh.kept2": "" },
    ];
    const { findings } = await verifyBytes(await archive({ layers }), SECRETS);
    const deleted = findings.map(({ path, deleted: gone }) => [path, gone]);
    expect(deleted).toEqual([
      ["/a/gone", true],
      ["/b/dir/gone", true],
      ["/c/opaque", true],
      ["/d/replaced", true],
      ["/e/kept", undefined],
    ]);
  });

  it("IT12: finds it in names, link targets, long names, attributes and padding, and masks them", async () => {
    const long = "l".repeat(150);
    const layer = await tar({
      [`dir/${CANARY}/file`]: "",
      link: { type: "symlink", linkname: `/run/${CANARY}` },
      [`${long}/${CANARY}`]: "",
      "owned-file": { uname: CANARY },
      [`${"p".repeat(60)}${CANARY.slice(0, 10)}/${"q".repeat(60)}`]: "",
    });
    const report = await verifyBytes(await archive({ layers: [layer] }), SECRETS);
    expect(report.findings.map(({ path, part }) => [path, part])).toEqual([
      ["/dir/***/file", "name"],
      ["/link", "link"],
      [`/${long}/***`, "name"],
      ["/owned-file", "header"],
    ]);
    expectMute(report);
  });

  it("finds a value that a name holds across the two name fields of ustar", async () => {
    const value = "ustar-canary/split-14";
    const name = `${"p".repeat(80)}-${value}${"q".repeat(40)}`;
    const layer = await tar({ [name]: "" });
    expect(layer.includes(value)).toBe(false);
    const { findings } = await verifyBytes(await archive({ layers: [layer] }), { KEY: value });
    expect(findings).toMatchObject([
      { part: "name", path: `/${"p".repeat(80)}-***${"q".repeat(40)}` },
    ]);
  });

  it("IT13: finds it in env, labels, command and history, with the name and no value", async () => {
    const report = await verifyBytes(
      await archive({
        layers: [{ a: "1" }],
        config: {
          Env: ["PATH=/bin", `TOKEN=${CANARY}`],
          Labels: { "org.example.key": CANARY, [`label-${CANARY}`]: "x" },
          Cmd: ["sh", "-c", `curl -H ${CANARY}`],
        },
        history: [
          { created_by: `RUN |1 TOKEN=${CANARY} /bin/sh -c make` },
          { created_by: `ENV TOKEN=${CANARY}`, empty_layer: true },
        ],
      }),
      SECRETS,
    );
    const places = report.findings.map(({ where, path, layer }) => [where, path, layer?.index]);
    expect(places.toSorted()).toEqual([
      ["config", "config.Cmd[2]", undefined],
      ["env", "TOKEN", undefined],
      ["history", "history[0]", 0],
      ["history", "history[1]", undefined],
      ["label", "label-***", undefined],
      ["label", "org.example.key", undefined],
    ]);
    expectMute(report);
  });

  it("counts occurrences in one file, and lists no more than 100 places of a secret", async () => {
    const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`f${i}`, CANARY]));
    const layers = [{ twice: `${CANARY} and ${CANARY}` }, many];
    const { findings, omitted } = await verifyBytes(await archive({ layers }), SECRETS);
    expect(findings[0]).toMatchObject({ path: "/twice", count: 2, offset: 0 });
    expect(findings).toHaveLength(101);
    expect(omitted).toBe(50);
  });

  it("finds any secret in any form at any place and in any chunks", async () => {
    const forms: ((value: string) => string)[] = [
      (value) => value,
      (value) => Buffer.from(`a${value}`).toString("base64"),
      (value) => Buffer.from(`ab${value}b`).toString("base64url"),
      (value) => Buffer.from(value).toString("hex").toUpperCase(),
      (value) => new URLSearchParams({ v: value }).toString(),
      (value) => JSON.stringify(value),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "grapheme", minLength: 10, maxLength: 60 }).filter(isProvable),
        fc.nat(forms.length - 1),
        fc.nat(3000),
        fc.integer({ min: 1, max: 5000 }),
        async (value, form, before, chunk) => {
          const text = `${"x".repeat(before)} ${forms[form]?.(value)} y`;
          const bytes = await archive({ layers: [{ a: "first" }, { "dir/leak": text }] });
          const { findings } = await verifyBytes(bytes, { KEY: value }, chunk);
          expect(findings).toMatchObject([
            { secret: "KEY", path: "/dir/leak", layer: { index: 1 } },
          ]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("finds a needle that lies on the borders of every chunk size", async () => {
    const bytes = await archive({
      layers: [{ a: "1", b: `${randomBytes(9000).toString("hex")}${CANARY}` }],
    });
    for (const chunk of [1, 7, 511, 512, 513, 4096]) {
      const { findings } = await verifyBytes(bytes, SECRETS, chunk);
      expect(findings.map(({ path }) => path)).toEqual(["/b"]);
    }
  });
});

function isProvable(value: string): boolean {
  return value.trim().length >= 10 && new Set(value).size > 3 && !value.includes("\u0000");
}

describe("verify, several secrets", () => {
  it("names each secret, also of equal values and of one within another", async () => {
    const values = {
      "prod/A": "inner-canary-77",
      "common/A": "inner-canary-77",
      URL: "db://inner-canary-77@h",
    };
    const bytes = await ociArchive({ layers: [{ f: "db://inner-canary-77@h" }] });
    const { findings } = await verifyBytes(bytes, values);
    expect(findings.map(({ secret }) => secret).toSorted()).toEqual(["URL", "common/A", "prod/A"]);
  });

  it("finds single lines of a private key that was cut up", async () => {
    const line = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVcB7";
    const key = `-----BEGIN PRIVATE KEY-----\n${line}\nQ29udGVudE9mTGluZTI=\n-----END PRIVATE KEY-----\n`;
    const bytes = await ociArchive({ layers: [{ f: `key: "${line}"` }] });
    const { findings } = await verifyBytes(bytes, { KEY: key });
    expect(findings).toMatchObject([{ encoding: "line", path: "/f" }]);
  });
});

describe("verify, values that can't be proved", () => {
  const image: ImageOptions = {
    layers: [{ f: "true 3000 4711 x7Q and PIN=4711" }],
    config: {
      Env: ["DEBUG=true", "PORT=3000", "OTHER=4711", "MODE=x7Q"],
      Labels: { FLAG: "true" },
    },
    history: [{ created_by: "RUN |1 PIN=4711 XPIN=47112 /bin/sh -c make" }],
  };

  it("RI18: nor is a search for nothing, or for less than there is", async () => {
    const bytes = await ociArchive({ layers: [{ a: "1" }] });
    const none = await verifyBytes(bytes, {});
    expect(none.unproved).toEqual([{ secret: "*", reason: "none" }]);
    const source = archiveStream(Readable.from([bytes]), "archive");
    const less = await verify(source, [], { unopened: ["prod/*"] }).report();
    expect(less.unproved).toEqual([{ secret: "prod/*", reason: "not-opened" }]);
  });

  it("RI18: are reported by name and reason, never passed in silence", async () => {
    const values = { "prod/PIN": "8812", "prod/FLAG2": "true", KEY: CANARY };
    const report = await verifyBytes(await ociArchive(image), values);
    expect(report.unproved).toEqual([
      { secret: "prod/PIN", reason: "too-short" },
      { secret: "prod/FLAG2", reason: "common" },
    ]);
    expect(report.findings).toEqual([]);
    expect(verdictOf(report)).toBe("unproved");
  });

  it("IT13: are found where an image keeps names with values", async () => {
    const values = {
      "prod/PIN": "4711",
      "prod/DEBUG": "true",
      "prod/NO_PORT": "3000",
      MODE2: "x7Q",
    };
    const report = await verifyBytes(await ociArchive(image), values);
    const found = report.findings.map(({ secret, where, path }) => [secret, where, path]);
    // the own name, whatever the value; another name only for a value that is no accident
    expect(found).toEqual([
      ["prod/DEBUG", "env", "DEBUG"],
      ["prod/PIN", "env", "OTHER"],
      ["prod/PIN", "history", "history[0]"],
    ]);
    expect(report.layers[0]?.createdBy).toBe("RUN |1 PIN=*** XPIN=***2 /bin/sh -c make");
    expect(report.unproved).toHaveLength(4);
  });

  it("an empty value is never found", async () => {
    const bytes = await ociArchive({ layers: [], config: { Env: ["EMPTY="] } });
    const report = await verifyBytes(bytes, { EMPTY: "" });
    expect(report).toMatchObject({
      findings: [],
      unproved: [{ secret: "EMPTY", reason: "too-short" }],
    });
  });
});

describe("verify, further documents", () => {
  it("IT13: attestations: build arguments, and the Dockerfile in base64", async () => {
    const dockerfile = Buffer.from(`FROM x\nRUN echo ${CANARY}\n`).toString("base64");
    const report = await verifyBytes(
      await ociArchive({
        layers: [{ a: "1" }],
        attestations: [{ predicate: { args: { TOKEN: CANARY }, source: { data: dockerfile } } }],
      }),
      SECRETS,
    );
    expect(report.findings.map(({ where, path }) => [where, path])).toEqual([
      ["attestation", "predicate.args.TOKEN"],
      ["attestation", "predicate.source.data"],
    ]);
    expect(report.unseen).toEqual([]);
  });

  it("annotations", async () => {
    const annotated = await ociArchive({ layers: [], annotations: { note: CANARY } });
    const { findings } = await verifyBytes(annotated, SECRETS);
    expect(findings).toMatchObject([{ where: "manifest", path: "annotations.note" }]);
  });

  it("IT4: what is no string with a place of its own: names that stand twice, numbers, a broken end", async () => {
    const documents = {
      "twice.json": `{"key":${JSON.stringify(CANARY)},"key":"x"}`,
      "number.json": '{"key":83650917264}',
      "broken.json": `{"key":${JSON.stringify(CANARY)}`,
    };
    const bytes = await tar({ ...(await ociMembers({ layers: [] })), ...documents });
    const { findings } = await verifyBytes(bytes, { ...SECRETS, PIN: "83650917264" });
    const found = findings.map(({ secret, where, path }) => [path, where, secret]);
    expect(found.toSorted()).toEqual([
      ["broken.json", "other", "prod/API_KEY"],
      ["key", "other", "prod/API_KEY"],
      ["number.json", "other", "PIN"],
    ]);
  });

  it("control characters of a name are escaped", async () => {
    const bytes = await ociArchive({ layers: [{ "a\u001b[2Jb": CANARY }] });
    const report = await verifyBytes(bytes, SECRETS);
    expect(report.findings[0]?.path).toBe("/a\\x1b[2Jb");
  });

  it("names the platforms that are not here", async () => {
    const elsewhere = [
      {
        digest: `sha256:${"0".repeat(64)}`,
        platform: { os: "linux", architecture: "arm64", variant: "v8" },
      },
    ];
    const report = await verifyBytes(await ociArchive({ layers: [{ a: "" }], elsewhere }), SECRETS);
    expect(report).toMatchObject({ absent: ["linux/arm64/v8"], unseen: [] });
  });
});

describe("verify, interrupted", () => {
  it("stops reading when the signal fires", async () => {
    const controller = new AbortController();
    const bytes = await ociArchive({ layers: [{ a: gzipSync(randomBytes(100_000)) }] });
    const archive = Readable.from(
      (function* () {
        for (let at = 0; at < bytes.length; at += 1024) {
          if (at > 20_000) controller.abort();
          yield bytes.subarray(at, at + 1024);
        }
      })(),
    );
    const { signal } = controller;
    const verifying = verify(archiveStream(archive, "x"), secretsOf(SECRETS), { signal });
    await expect(verifying.report()).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(archive.destroyed).toBe(true);
  });
});
