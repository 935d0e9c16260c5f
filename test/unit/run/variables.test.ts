import { describe, expect, it } from "vitest";

import { environmentOf, hiddenVariables } from "../../../src/run/environment.ts";
import type { VariableOptions } from "../../../src/run/environment.ts";
import type { PlanOptions, RunEntry } from "../../../src/run/options.ts";
import { planRun } from "../../../src/run/plan.ts";
import { Secret } from "../../../src/secret/secret.ts";

function entry(name: string, value: string | Buffer = "purr", o: Partial<RunEntry> = {}): RunEntry {
  return { name, value: Secret.take(name, Buffer.from(value)), sensitive: true, ...o };
}

function options(entries: readonly RunEntry[], o: Partial<PlanOptions> = {}): VariableOptions {
  return { image: "cats", env: {}, variables: "hidden", ...o, entries };
}

function recordsOf(o: VariableOptions): string {
  using records = hiddenVariables(o, planRun(o));
  return records.use((bytes) => bytes.toString("latin1"));
}

describe("hidden variables", () => {
  it.each([
    ["none", [], "\0"],
    ["one", [entry("A", "1")], "A=1\0\0"],
    ["two", [entry("A", "1"), entry("B", "2")], "A=1\0B=2\0\0"],
    ["an empty one", [entry("A", "")], "A=\0\0"],
    ["newlines and equals signs", [entry("A", "=\n\n=")], "A==\n\n=\0\0"],
    ["any byte but NUL", [entry("A", Buffer.from([1, 255, 128]))], "A=\x01\xff\x80\0\0"],
    ["no plain values", [entry("A", "1", { sensitive: false }), entry("B", "2")], "B=2\0\0"],
    ["no files", [entry("A", "1", { file: { path: "/a" } }), entry("B", "2")], "B=2\0\0"],
  ])("are records with %s", (_title, entries, records) => {
    expect(recordsOf(options(entries))).toBe(records);
  });

  it.each([
    ["-e NAME=VALUE", { container: { env: ["A=typed"] } }],
    ["-e NAME", { container: { env: ["A"] } }],
    ["--env-file", { envFileTexts: [{ file: "f", bytes: Buffer.from("A=typed\n") }] }],
    ["--file", { files: [{ name: "A" }] }],
  ])("leave out what %s takes over", (_title, o) => {
    expect(recordsOf(options([entry("A"), entry("B")], o))).toBe("B=purr\0\0");
  });

  it("are in no create request, whose plain ones stay", () => {
    const o = options([entry("A"), entry("B", "plain", { sensitive: false })], {
      container: { env: ["C=typed"] },
    });
    const plan = planRun(o);
    expect(environmentOf(o, plan)).toEqual(["B=plain", "C=typed"]);
    expect(plan.delivery.kind).toBe("auto");
    expect(plan.warnings).toEqual([]);
  });

  it.each([
    ["a NUL byte", "A", Buffer.from("a\0b")],
    ["more than Linux takes", "A", Buffer.alloc(128 * 1024 - 2, 97)],
    ["an equals sign in the name", "A=B", "x"],
    ["no name", "", "x"],
  ])("VALUE_INVALID: %s", (_title, name, value) => {
    const o = options([entry(name, value)]);
    expect(() => recordsOf(o)).toThrow(expect.objectContaining({ code: "VALUE_INVALID" }));
  });

  it("fill what Linux takes, to the byte", () => {
    const longest = 128 * 1024 - "A=".length - 1;
    expect(recordsOf(options([entry("A", Buffer.alloc(longest, 97))]))).toHaveLength(
      128 * 1024 + 1,
    );
  });

  it.each(["/run/sealmount/env", "/run/sealmount-gate"])("DELIVERY_PATH: %s is taken", (path) => {
    const o = options([entry("A"), entry("B", "x", { file: { path } })]);
    expect(() => planRun(o)).toThrow(expect.objectContaining({ code: "DELIVERY_PATH" }));
    expect(() => planRun({ ...o, variables: "plain" })).not.toThrow();
  });

  it("are files to a restart policy: refused where they would be gone", () => {
    const o = options([entry("A")], { delivery: "volume", container: { restart: "always" } });
    expect(() => planRun(o)).toThrow(expect.objectContaining({ code: "POLICY" }));
    expect(() => planRun({ ...o, entries: [] })).not.toThrow();
  });
});

describe("variables as files", () => {
  it("are the program's user's, in the default folder, with their path in NAME_FILE", () => {
    const entries = [
      entry("A"),
      entry("B", "plain", { sensitive: false }),
      entry("C", "x", { file: { path: "/c" } }),
      entry("D"),
    ];
    const o = options(entries, {
      variables: "file",
      files: [{ name: "D", path: "/d" }],
      container: { env: ["T=typed"] },
    });
    const plan = planRun(o);
    expect(plan.files).toEqual([
      { name: "A", path: "/run/secrets/A", owner: "USER", mode: 0o400 },
      { name: "C", path: "/c", owner: "root", mode: 0o600 },
      { name: "D", path: "/d", owner: "root", mode: 0o600 },
    ]);
    expect(plan.env).toEqual([
      { name: "B", from: "plain" },
      { name: "A_FILE", from: "path" },
      { name: "T", from: "option" },
    ]);
    expect(environmentOf(o, plan)).toEqual(["B=plain", "A_FILE=/run/secrets/A", "T=typed"]);
  });

  it("take --owner and --mode", () => {
    const o = options([entry("A")], { variables: "file", owner: "app", mode: 0o440 });
    expect(planRun(o).files).toMatchObject([{ owner: "app", mode: 0o440 }]);
  });

  it("let what was typed win, the value as well as the path", () => {
    const env = ["A=typed", "B_FILE=/elsewhere"];
    const o = options([entry("A"), entry("B")], { variables: "file", container: { env } });
    const plan = planRun(o);
    expect(plan.files.map(({ name }) => name)).toEqual(["B"]);
    expect(environmentOf(o, plan)).toEqual(["A=typed", "B_FILE=/elsewhere"]);
  });

  it("USAGE_CONFLICT: the name of the path is another value's", () => {
    const entries = [entry("A"), entry("A_FILE", "x", { sensitive: false })];
    const conflict = expect.objectContaining({ code: "USAGE_CONFLICT" });
    expect(() => planRun(options(entries, { variables: "file" }))).toThrow(conflict);
  });
});

describe("a key variable", () => {
  it.each(["plain", "hidden", "file"] as const)("is refused by its name, also %s", (variables) => {
    const usage = expect.objectContaining({ code: "USAGE" });
    expect(() => planRun(options([entry("SEALMOUNT_KEY")], { variables }))).toThrow(usage);
  });
});

describe("plain variables", () => {
  const warningsOf = (count: number, variables?: PlanOptions["variables"]): readonly string[] => {
    const entries = Array.from({ length: count }, (_, index) => entry(`N${index}`));
    return planRun(options(entries, { variables })).warnings;
  };

  it("are told about once, by name, with where they show and the way out", () => {
    const [line = "", ...more] = warningsOf(2);
    expect(more).toEqual([]);
    expect(line).toMatch(/^N0, N1 can be read in docker inspect/);
    for (const word of ["after rm", "docker commit", "--env-hidden", "--file", "--env-plain"]) {
      expect(line).toContain(word);
    }
    expect(warningsOf(1000)[0]).toMatch(/^N0, N1, N2, N3, N4 and 995 more can/);
  });

  it.each(["plain", "hidden", "file"] as const)("are not told about with %s", (variables) => {
    expect(warningsOf(2, variables)).toEqual([]);
  });

  it("are not told about where there are none", () => {
    expect(warningsOf(0)).toEqual([]);
    const entries = [
      entry("A", "x", { sensitive: false }),
      entry("B", "x", { file: { path: "/b" } }),
      entry("C"),
    ];
    const o = options(entries, { variables: undefined, container: { env: ["C=typed"] } });
    expect(planRun(o).warnings).toEqual([]);
  });
});
