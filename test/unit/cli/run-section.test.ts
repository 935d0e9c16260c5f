import { describe, expect, it } from "vitest";

import { makeWorld } from "../../support/temp.ts";
import { call } from "./in-process.ts";

const SECRET = `API_KEY = { encrypted = "${Buffer.alloc(112, 7).toString("base64url")}" }`;

/** The plan of `run`, or the exit code of what is refused; no key and no engine is needed. */
async function planOf(section: string, options: readonly string[]): Promise<unknown> {
  await using world = await makeWorld();
  await world.write("iterapp.toml", `${section}\n[env.common]\n${SECRET}\n`);
  const ran = await call(world, ["run", "--dry-run", ...options, "cats"]);
  return ran.code === 0 ? (JSON.parse(ran.stdout) as unknown) : ran.code;
}

describe("[run] in the manifest", () => {
  it.each([
    ["hidden", "--env-hidden"],
    ["file", "--env-as-file"],
    ["plain", "--env-plain"],
  ])("IX28: env = %j is %s, which wins over it", async (way, option) => {
    const byKey = await planOf(`[run]\nenv = "${way}"`, []);
    expect(byKey).toMatchObject({ variables: way });
    expect(await planOf("", [option])).toEqual(byKey);
    const other = way === "file" ? "hidden" : "file";
    expect(await planOf(`[run]\nenv = "${other}"`, [option])).toEqual(byKey);
  });

  it.each([
    ["--env-hidden", "--env-as-file"],
    ["--env-hidden", "--env-plain"],
    ["--env-as-file", "--env-plain"],
  ])("%s and %s exclude each other", async (one, other) => {
    expect(await planOf("", [one, other])).toBe(2);
  });

  it("is plain without either, and warned about", async () => {
    const plan = await planOf("", []);
    expect(plan).toMatchObject({ variables: "plain", warnings: [expect.any(String)] });
    expect(await planOf("", ["--env-plain"])).toMatchObject({ warnings: [] });
  });
});
