import { describe, expect, it } from "vitest";
import { ManifestError } from "../../../src/errors.ts";
import type { Entry } from "../../../src/manifest/model.ts";
import { parseTemplate } from "../../../src/manifest/template.ts";
import { closureOf } from "../../../src/vault/template.ts";

const PLACE = { file: "iterapp.toml", line: 3, column: 1 };

function entries(templates: Record<string, string>): ReadonlyMap<string, Entry> {
  return new Map(
    Object.entries(templates).map(([name, template]) => {
      const place = { ...PLACE, key: `env.prod.${name}` };
      return [name, { name, scope: "prod", source: { kind: "template", template }, place }];
    }),
  );
}

const failure = (templates: Record<string, string>): ManifestError => {
  try {
    const all = entries(templates);
    closureOf([...all.values()], all);
  } catch (error) {
    if (error instanceof ManifestError) return error;
  }
  throw new Error("it worked");
};

describe("parseTemplate", () => {
  it.each([
    ["", []],
    ["plain", [{ text: "plain" }]],
    ["${A}", [{ name: "A" }]],
    ["${ A }", [{ name: "A" }]],
    ["x${A}y${B}", [{ text: "x" }, { name: "A" }, { text: "y" }, { name: "B" }]],
    ["$${A}", [{ text: "${" }, { text: "A}" }]],
    ["$$${A}", [{ text: "$" }, { text: "${" }, { text: "A}" }]],
    ["$A $ $$ }", [{ text: "$A $ $$ }" }]],
    ["${a.b-c}", [{ name: "a.b-c" }]],
    ["${", null],
    ["${}", null],
    ["${ }", null],
    ["${A", null],
  ])("%j", (template, parts) => {
    expect(parseTemplate(template)).toEqual(parts);
  });
});

describe("closureOf", () => {
  it("gives what is referred to first, and each once", () => {
    const all = entries({ A: "${B}${C}", B: "${C}", C: "x", D: "y" });
    const a = all.get("A");
    const closure = closureOf(a === undefined ? [] : [a], all);
    expect(closure.map(({ name }) => name)).toEqual(["C", "B", "A"]);
  });

  it("refuses a cycle and names its way", () => {
    expect(failure({ X: "${A}", A: "${B}", B: "-${A}" })).toMatchObject({
      code: "MANIFEST_INVALID",
      message: "env.prod.A has a template that leads back to itself: A → B → A",
      place: { ...PLACE, key: "env.prod.A" },
    });
    expect(failure({ A: "${A}" }).message).toContain("A → A");
  });

  it("IX30: refuses a name that is not set, with the command that sets it", () => {
    expect(failure({ URL: "${PASSWORT}", PASSWORD: "x" })).toMatchObject({
      code: "SECRET_MISSING",
      message:
        'env.prod.URL has a template that names "PASSWORT", which is not set; did you mean PASSWORD?',
      hint: "sealmount set PASSWORT --env prod",
    });
  });

  it("refuses a template that is not well formed", () => {
    expect(failure({ URL: "http://${HOST" })).toMatchObject({ code: "MANIFEST_INVALID" });
  });
});
