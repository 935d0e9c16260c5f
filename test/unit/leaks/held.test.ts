import { describe, expect, it } from "vitest";
import { heldIn } from "../../leaks/held.ts";
import { inFile, inHistory, inside } from "../../leaks/model.ts";
import type { Expected, LeakCase } from "../../leaks/model.ts";
import { newValue } from "../../leaks/values.ts";
import { makeWorld } from "../../support/temp.ts";
import { legacyArchive, ociArchive } from "../verify/archives.ts";
import type { Members } from "../verify/archives.ts";

const HOLDS = "prod/KEY: the image holds the value";
const WRONG_BUILD = "prod/KEY: the image does not hold the value: the build went wrong";
const NOT_AS_IT_IS = "prod/KEY: the image does not hold the value as it is";

const value = newValue("password");
const pem = newValue("pem");

/** What is said of an image with one file, for a case that expects the value there. */
async function told(
  key: string,
  o: {
    readonly form?: "raw" | "gzip" | "zstd" | "legacy";
    readonly expect?: readonly Expected[];
    readonly content?: string;
  } = {},
): Promise<string> {
  await using world = await makeWorld();
  const layers: Members[] = [{ base: "x" }, { key: o.content ?? key }];
  const { form = "raw" } = o;
  const archive = form === "legacy" ? legacyArchive({ layers }) : ociArchive({ layers, form });
  const path = await world.write("saved.tar", await archive);
  const one: LeakCase = { name: "", group: "layer", expect: o.expect ?? [inFile("/key")] };
  const engine = { store: "overlay2" as const, isAtLeast: (major: number) => major <= 20 };
  return heldIn(path, { one, secrets: new Map([["prod/KEY", key]]) }, engine);
}

describe("whether an image holds a value", () => {
  it.each(["raw", "gzip", "zstd", "legacy"] as const)("in a layer that is %s", async (form) => {
    expect(await told(value, { form })).toBe(HOLDS);
    expect(await told(value, { form, content: newValue("password") })).toBe(WRONG_BUILD);
  });

  it("with other line ends", async () => {
    expect(await told(pem, { content: pem.replaceAll("\n", "\r\n") })).toBe(HOLDS);
  });

  it.each([
    ["in a disguise", inFile("/key", { as: "hex" })],
    ["in a member", inFile(inside("/a.zip", "key"))],
    ["that only a later engine puts there", inHistory(1, { since: [28, 0] })],
  ])("%s it need not", async (_, expected) => {
    expect(await told(value, { content: "none", expect: [expected] })).toBe(NOT_AS_IT_IS);
  });
});
