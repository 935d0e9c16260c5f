import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  cachedSteps,
  withDigests,
  withSecretCache,
  withoutDigests,
} from "../../../src/build/secret-cache.ts";
import { readDockerfile } from "../../../src/build/dockerfile.ts";
import { splitDockerfile } from "../../../src/build/instructions.ts";
import { digestKey, digestOf } from "../../../src/crypto/digest.ts";
import { Secret } from "../../../src/secret/secret.ts";

const secret = (value: string): Secret => Secret.take("x", Buffer.from(value));
const MOUNT = "--mount=type=secret";

describe("the steps that depend on a value", () => {
  it.each<[string, string[], ReturnType<typeof cachedSteps>]>([
    ["a mount", ["FROM a", `RUN ${MOUNT},id=one x`], [{ line: 2, ids: ["one"] }]],
    ["by its target", ["FROM a", `RUN ${MOUNT},target=/x/one x`], [{ line: 2, ids: ["one"] }]],
    ["as a variable", ["FROM a", `RUN ${MOUNT},id=one,env=ONE x`], [{ line: 2, ids: ["one"] }]],
    [
      "two mounts",
      ["FROM a", `RUN ${MOUNT},id=two ${MOUNT},id=one x`],
      [{ line: 2, ids: ["one", "two"] }],
    ],
    [
      "one twice",
      ["FROM a", `RUN ${MOUNT},id=one ${MOUNT},id=one,target=/y x`],
      [{ line: 2, ids: ["one"] }],
    ],
    [
      "a mount on a later line",
      ["FROM a", "RUN \\", "  # why", `  ${MOUNT},id=one \\`, "  x"],
      [{ line: 2, ids: ["one"] }],
    ],
    ["an id that is not marked", ["FROM a", `RUN ${MOUNT},id=other x`], []],
    [
      "an id with a variable",
      ["FROM a", `RUN ${MOUNT},id=$ID x`],
      [{ line: 2, ids: ["one", "two"] }],
    ],
    ["ONBUILD", ["FROM a", `ONBUILD RUN ${MOUNT},id=one x`], []],
    [
      "a stage that is not built",
      ["FROM a AS other", `RUN ${MOUNT},id=one x`, "FROM b", `RUN ${MOUNT},id=two x`],
      [{ line: 4, ids: ["two"] }],
    ],
    [
      "a here-document that talks of it",
      ["FROM a", "RUN <<EOF", `RUN ${MOUNT},id=one x`, "EOF"],
      [],
    ],
    ["no Dockerfile", [""], []],
  ])("%s", (_what, lines, expected) => {
    const marked = new Set(["two", "one"]);
    expect(cachedSteps(lines.join("\n"), { marked })).toEqual(expected);
  });

  it("are those of the target", () => {
    const text = `FROM a AS first\nRUN ${MOUNT},id=one x\nFROM b\nRUN ${MOUNT},id=one x`;
    const marked = new Set(["one"]);
    expect(cachedSteps(text, { marked, target: "first" })).toEqual([{ line: 2, ids: ["one"] }]);
  });
});

describe("the digest", () => {
  const key = digestKey(secret("private key"), "secret-cache");

  const digest = (values: Readonly<Record<string, string | null>>, with_ = key): string =>
    digestOf(
      with_,
      new Map(
        Object.entries(values).map(([id, value]) => [id, value === null ? null : secret(value)]),
      ),
    );

  it("is the same for the same values, in any order", () => {
    expect(digest({ a: "1", b: "2" })).toBe(digest({ b: "2", a: "1" }));
    expect(digest({ a: "1" })).toMatch(/^[0-9a-f]{32}$/);
    // stable from one release to the next: a change would run every such step once more
    expect(digest({ a: "1" })).toBe("2fb773f7aae6619c2b13b0a30868ac61");
  });

  it("differs for anything else", () => {
    const cases = [
      {},
      { a: "1" },
      { a: "2" },
      { a: "" },
      { a: null },
      { b: "1" },
      { a: "absent" },
      { a: "1", b: null },
      { a: "1", b: "" },
      { a: "1b" },
      { a1: "" },
      { a: "value" },
    ];
    expect(new Set(cases.map((values) => digest(values))).size).toBe(cases.length);
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.string()),
        fc.dictionary(fc.string(), fc.string()),
        (a, b) => {
          const isSame =
            JSON.stringify(Object.entries(a).toSorted()) ===
            JSON.stringify(Object.entries(b).toSorted());
          expect(digest(a) === digest(b)).toBe(isSame);
        },
      ),
    );
  });

  it("can't be made without the private key, and does not hold it", () => {
    expect(digest({ a: "1" }, digestKey(secret("another"), "secret-cache"))).not.toBe(
      digest({ a: "1" }),
    );
    const privateKey = secret("private key");
    expect(digestKey(privateKey, "secret-cache").equals(privateKey)).toBe(false);
    expect(privateKey.use((bytes) => bytes.toString())).toBe("private key");
  });
});

describe("the Dockerfile", () => {
  const rewritten = (text: string | Buffer, line: number): string | undefined =>
    withDigests(Buffer.from(text), new Map([[line, "ab12"]]))?.toString("latin1");
  const flag = `${MOUNT},id=sealmount-cache.ab12`;

  it.each([
    [
      "a flag before others",
      `FROM a\nRUN ${MOUNT},id=x y\n`,
      2,
      `FROM a\nRUN ${flag} ${MOUNT},id=x y\n`,
    ],
    ["a line of its own", "FROM a\nRUN \\\n  x\n", 2, `FROM a\nRUN ${flag} \\\n  x\n`],
    ["nothing but a continuation", "FROM a\nRUN\\\n  x\n", 2, `FROM a\nRUN ${flag}\\\n  x\n`],
    ["blanks and small letters", "FROM a\n\t run\tx\n", 2, `FROM a\n\t run ${flag}\tx\n`],
    ["Windows line ends", "FROM a\r\nRUN x\r\n", 2, `FROM a\r\nRUN ${flag} x\r\n`],
    ["a here-document", "FROM a\nRUN <<E\nx\nE\n", 2, `FROM a\nRUN ${flag} <<E\nx\nE\n`],
    ["the JSON form", 'FROM a\nRUN ["x"]\n', 2, `FROM a\nRUN ${flag} ["x"]\n`],
    ["a byte order mark", Buffer.from("\ufeffRUN x"), 1, `\u00ef\u00bb\u00bfRUN ${flag} x`],
    [
      "bytes of another encoding",
      Buffer.from("FROM a\nRUN \u00fc\u00ff", "latin1"),
      2,
      `FROM a\nRUN ${flag} \u00fc\u00ff`,
    ],
  ])("gets %s", (_what, text, line, expected) => {
    expect(rewritten(text, line)).toBe(expected);
  });

  it("is refused when a step is not where it should be", () => {
    expect(rewritten("FROM a\nCOPY a b", 2)).toBeUndefined();
    expect(rewritten("FROM a", 7)).toBeUndefined();
  });

  it("keeps its lines and reads as before, but for the flag", () => {
    const step = fc.constantFrom(
      "RUN x",
      `RUN ${MOUNT},id=one x`,
      `RUN --network=none \\\n ${MOUNT},id=one \\\n x`,
      `run ${MOUNT},id=$Y <<E\nRUN no\nE`,
      "# RUN",
      "COPY a b",
      "FROM c",
    );
    fc.assert(
      fc.property(fc.array(step), fc.constantFrom("\n", "\r\n"), (steps, end) => {
        const text = ["FROM a", ...steps].join("\n").replaceAll("\n", end);
        const marked = cachedSteps(text, { marked: new Set(["one"]) });
        const made = String(
          withDigests(Buffer.from(text), new Map(marked.map(({ line }) => [line, "ab12"]))),
        );
        expect(withoutDigests(made)).toBe(text);
        const before = splitDockerfile(text).instructions;
        const after = splitDockerfile(made).instructions;
        expect(after.map(({ line, name, rest }) => [line, name, rest])).toEqual(
          before.map(({ line, name, rest }) => [line, name, rest]),
        );
        const own = readDockerfile(made).mounts.filter(({ id }) => id !== "sealmount-cache.ab12");
        expect(own).toEqual(readDockerfile(text).mounts);
        expect(cachedSteps(made, { marked: new Set(["one"]) })).toEqual(marked);
      }),
    );
  });

  it("withoutDigests leaves other text alone", () => {
    const text = `RUN ${MOUNT},id=x sealmount-cache.`;
    expect(withoutDigests(text)).toBe(text);
    expect(withoutDigests(`[2/2] RUN ${flag} ${MOUNT},id=x`)).toBe(`[2/2] RUN ${MOUNT},id=x`);
  });
});

describe("all together", () => {
  const o = {
    shown: "Dockerfile",
    marked: new Set(["one", "two"]),
    key: secret("key"),
  };

  it("opens what the steps of this build mount, and no other", async () => {
    const text = `FROM a AS x\nRUN ${MOUNT},id=two x\nFROM b\nRUN ${MOUNT},id=one ${MOUNT},id=other x\n`;
    const opened: string[] = [];
    const open = async (id: string): Promise<Secret> => {
      opened.push(id);
      return secret("value");
    };
    const made = String(await withSecretCache({ ...o, dockerfile: Buffer.from(text), open }));
    expect(opened).toEqual(["one"]);
    const digest = digestOf(o.key, new Map([["one", secret("value")]]));
    expect(made.split("\n")[3]).toContain(`id=sealmount-cache.${digest} `);
    expect(withoutDigests(made)).toBe(text);
  });

  it("fails as opening fails, and with a place where a step can't be marked", async () => {
    const wrong = new Error("wrong key");
    const dockerfile = Buffer.from(`FROM a\nRUN ${MOUNT},id=one x`);
    const open = async (): Promise<never> => Promise.reject(wrong);
    await expect(withSecretCache({ ...o, dockerfile, open })).rejects.toBe(wrong);
    // a no-break space counts as a blank to some readers and not to others
    const odd = Buffer.from(`FROM a\n\u00a0RUN ${MOUNT},id=one x`);
    const failing = withSecretCache({ ...o, dockerfile: odd, open: async () => null });
    await expect(failing).rejects.toMatchObject({
      code: "BUILD_DOCKERFILE",
      place: { file: "Dockerfile" },
    });
  });
});
