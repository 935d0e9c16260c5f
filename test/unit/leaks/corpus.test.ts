import { describe, expect, it } from "vitest";
import { CASES } from "../../leaks/cases/all.ts";
import { GROUPS } from "../../leaks/model.ts";
import { renderTable } from "../../leaks/table.ts";
import { fill, newValue } from "../../leaks/values.ts";

const inGroup = (group: string) => CASES.filter((one) => one.group === group);

describe("the leak corpus", () => {
  it("has a name for every case, and a case in every group", () => {
    expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length);
    expect(GROUPS.filter((group) => inGroup(group).length === 0)).toEqual([]);
  });

  it("has at least 60 images that leak, and 12 that only look so", () => {
    const leaky = CASES.filter(({ expect: places }) => places.length > 0);
    expect(leaky.length).toBeGreaterThanOrEqual(60);
    expect(inGroup("clean").length).toBeGreaterThanOrEqual(12);
    for (const { expect: places } of inGroup("clean")) expect(places).toEqual([]);
  });

  it("makes each image in one way", () => {
    for (const { dockerfile, imported } of CASES) {
      expect(dockerfile === undefined).toBe(imported === true);
    }
  });
});

describe("values", () => {
  it.each(["password", "special", "slashed", "newline", "pem", "jwt", "digits", "pin"] as const)(
    "a new %s every time",
    (kind) => {
      const values = Array.from({ length: 3 }, () => newValue(kind));
      expect(new Set(values).size).toBeGreaterThan(1);
    },
  );

  it("fills templates, and refuses names that a case does not have", () => {
    expect(fill("a {{KEY}} {{KEY}} {{B}}", { KEY: "1", B: "$&" })).toBe("a 1 1 $&");
    expect(() => fill("{{NONE}}", {})).toThrow("no value named NONE");
  });
});

describe("the table", () => {
  it("says what each tool found, missed, and reported for nothing", () => {
    const [leak, clean] = [
      CASES.find(({ group }) => group === "config"),
      CASES.find(({ group }) => group === "clean"),
    ];
    if (leak === undefined || clean === undefined) throw new Error("no cases");
    const table = renderTable([
      { one: leak, isLeaky: true, found: { sealmount: true, other: false } },
      { one: clean, isLeaky: false, found: { sealmount: false, other: true } },
    ]);
    const lines = table.split("\n").map((line) => line.split(/ {2,}/u));
    expect(lines).toEqual([
      ["group", "case", "image", "sealmount", "other"],
      ["config", leak.name, "leak", "found", "MISSED"],
      ["clean", clean.name, "clean", "clean", "FALSE ALARM"],
      ["config", "all", "1 of 1", "0 of 1"],
      ["clean", "all", "0 of 1 false", "1 of 1 false"],
    ]);
  });
});
