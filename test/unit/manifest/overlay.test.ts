import { describe, expect, it } from "vitest";
import { UsageError } from "../../../src/errors.ts";
import { chooseEnvironment, overlayEnvironment } from "../../../src/manifest/overlay.ts";
import { CANARY, parse, refuseCanary } from "./fixtures.ts";

const TEXT = `
[env.common]
A = "common"
B = "common"
[env.prod]
B = "prod"
C = "prod"
[env.test]
B = "test"
`;

describe("overlayEnvironment", () => {
  const values = (environment: string): unknown =>
    [...overlayEnvironment(parse(TEXT), environment).values()].map(({ name, scope, source }) => [
      name,
      scope,
      source.kind === "plain" ? source.value : source.kind,
    ]);

  it("IT1, IT2, RI26: an environment's own value stands in place of the common one", () => {
    expect(values("prod")).toEqual([
      ["A", "common", "common"],
      ["B", "prod", "prod"],
      ["C", "prod", "prod"],
    ]);
    expect(values("test")).toEqual([
      ["A", "common", "common"],
      ["B", "test", "test"],
    ]);
  });

  it("IT2: an environment without a section has what is common", () => {
    expect(values("snap0")).toEqual([
      ["A", "common", "common"],
      ["B", "common", "common"],
    ]);
  });

  it("is empty without [env.common] and section", () => {
    expect(overlayEnvironment(parse(""), "prod").size).toBe(0);
  });
});

describe("chooseEnvironment", () => {
  const manifest = parse('default_environment = "from-file"');
  it.each([
    [{ flag: "flag", variable: "variable", manifest }, "flag"],
    [{ variable: "variable", manifest }, "variable"],
    [{ variable: "", manifest }, "from-file"],
    [{ manifest }, "from-file"],
    [{ manifest: parse("") }, "test"],
  ])("the flag, else the variable, else the file, else test (%#)", (o, chosen) => {
    expect(chooseEnvironment(o)).toBe(chosen);
  });

  it.each(["common", "build", "", "a b", "a/b", `${CANARY}\n`, "__proto__", ".."])(
    "%j can't be chosen",
    (flag) => {
      try {
        chooseEnvironment({ flag, manifest });
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        expect(error).toMatchObject({ code: "USAGE", exitCode: 2 });
        refuseCanary(error);
      }
    },
  );
});
