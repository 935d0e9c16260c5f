import { describe, expect, it } from "vitest";
import { SealmountError } from "../../../src/errors.ts";
import { select, type Selection } from "../../../src/vault/select.ts";

const ENTRIES = [
  { name: "LOG_LEVEL", scope: "common" },
  { name: "API_KEY", scope: "prod" },
  { name: "DB_HOST", scope: "common" },
  { name: "DB_PASSWORD", scope: "prod" },
  { name: "a.b-c", scope: "prod" },
];

const names = (selection: Selection): string[] =>
  select(ENTRIES, selection, "prod").map(({ name }) => name);
const failure = (selection: Selection): SealmountError => {
  try {
    select(ENTRIES, selection, "prod");
  } catch (error) {
    if (error instanceof SealmountError) return error;
  }
  throw new Error("it worked");
};

describe("select", () => {
  it.each<[string, Selection, string[]]>([
    ["IX12: everything by default", {}, ENTRIES.map(({ name }) => name)],
    ["IX9: one name", { only: ["API_KEY"] }, ["API_KEY"]],
    [
      "IX10: several names, in the manifest's order",
      { only: ["DB_HOST", "API_KEY"] },
      ["API_KEY", "DB_HOST"],
    ],
    ["IX10: a glob", { only: ["DB_*"] }, ["DB_HOST", "DB_PASSWORD"]],
    ["IX10: a question mark", { only: ["API?KEY"] }, ["API_KEY"]],
    ["IX10: an exception", { except: ["DB_*"] }, ["LOG_LEVEL", "API_KEY", "a.b-c"]],
    ["IX10: an exception from a glob", { only: ["DB_*"], except: ["DB_HOST"] }, ["DB_PASSWORD"]],
    ["IX13: nothing of common", { noCommon: true }, ["API_KEY", "DB_PASSWORD", "a.b-c"]],
    [
      "IX13: nothing of common, by a glob",
      { noCommon: true, only: ["*"] },
      ["API_KEY", "DB_PASSWORD", "a.b-c"],
    ],
    ["a name with dots and dashes, taken literally", { only: ["a.b-c"] }, ["a.b-c"]],
    ["nothing", { only: [] }, []],
  ])("%s", (_, selection, expected) => {
    expect(names(selection)).toEqual(expected);
  });

  it("IX29, IX30: an unknown name fails with the command that sets it", () => {
    const error = failure({ only: ["STRIPE_KEY"] });
    expect(error).toMatchObject({ code: "SECRET_MISSING", exitCode: 3 });
    expect(error.message).toBe("STRIPE_KEY is not set in environment prod");
    expect(error.hint).toBe("sealmount set STRIPE_KEY --env prod");
  });

  it.each<[Selection, RegExp]>([
    [{ only: ["API_KEZ"] }, /did you mean API_KEY\?$/],
    [{ only: ["axb-c"] }, /did you mean a\.b-c\?$/],
    [{ only: ["X_*"] }, /^--only X_\* fits nothing in environment prod$/],
    [{ only: ["DB_HOST"], noCommon: true }, /\[env\.common\] only, which --no-common leaves out/],
    [{ except: ["APIKEY"] }, /^--except APIKEY fits nothing/],
  ])("refuses %o", (selection, message) => {
    expect(failure(selection).message).toMatch(message);
  });
});
