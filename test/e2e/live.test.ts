import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { dockerCli, dockerOut, engineHost, testEngine } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sealmount, sealmountOut } from "../support/cli.ts";
import { findOnDisk } from "../support/disk.ts";
import { parseJson } from "../support/json.ts";
import type { Ran } from "../support/process.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { KINDS } from "./live-harness.ts";
import { ENV, expectClean, IMAGE, sweep } from "./run-harness.ts";

/** ps, refresh, revoke and down as people type them. */

const APP = `smtest-live-${process.pid}`;
let world: World;
let output = "";
const values: string[] = [];

async function at(
  args: readonly string[],
  o: { readonly stdin?: string; readonly cwd?: string } = {},
): Promise<Ran> {
  const env = { ...world.env, ...ENV, DOCKER_HOST: engineHost() };
  const ran = await sealmount(args, { cwd: o.cwd ?? world.cwd, env, stdin: o.stdin ?? "" });
  output += ran.bytes.toString();
  return ran;
}

/** A new value for a secret. */
async function set(name: string, ...flags: string[]): Promise<string> {
  const value = canary(name.toLowerCase());
  values.push(value);
  const ran = await at(["set", name, "--env", "prod", ...flags, "--stdin"], { stdin: value });
  expect(ran.code).toBe(0);
  return value;
}

async function started(kind: string, ...flags: string[]): Promise<string> {
  const words = [
    "run",
    "-d",
    "--env-plain",
    "--env",
    "prod",
    "-u",
    "0",
    "--delivery",
    kind,
    ...flags,
  ];
  const ran = await at([...words, IMAGE, "sleep", "300"]);
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  return ran.stdout.trim();
}

beforeAll(async () => {
  world = await makeWorld();
  await sealmountOut(["init", "--app", APP], { cwd: world.cwd, env: world.env });
});

afterAll(async () => world[Symbol.asyncDispose]());

beforeEach(() => {
  output = "";
});

afterEach(async () => {
  const left = await dockerOut(["ps", "-aq", "--filter", `label=sealmount.app=${APP}`]);
  for (const id of left.split("\n").filter(Boolean)) await dockerCli(["rm", "-fv", id]);
  await at(["doctor", "--clean"]);
  await sweep();
  await expectClean();
  expect(leaksIn(output, values)).toEqual([]);
});

describe.each(KINDS)("the life of a container with files by %s", (kind) => {
  it("IX25, IX26, RI29: ps --stale, refresh, revoke, down", async () => {
    await set("KEY", "--file", "/run/secrets/KEY");
    const id = await started(kind, "--name", `${APP}-${kind}`);
    expect((await at(["ps", "--stale"])).code).toBe(0);
    const row = new RegExp(
      `^${id.slice(0, 12)} +${APP}-${kind} +${APP} +prod +running +1 +(.*)$`,
      "m",
    );
    expect(row.exec((await at(["ps"])).stdout)?.[1]).toBe("up to date");

    const value = await set("KEY");
    const stale = await at(["ps", "--stale"]);
    expect([stale.code, row.exec(stale.stdout)?.[1]]).toEqual([9, "stale: KEY"]);

    const fresh = await at(["refresh", "--exec", "cat /run/secrets/KEY", `${APP}-${kind}`]);
    expect([fresh.code, fresh.stdout]).toEqual([0, `${APP}-${kind}: refreshed KEY\n`]);
    expect(fresh.stderr).toContain("***");
    expect((await dockerOut(["exec", id, "cat", "/run/secrets/KEY"])) === value).toBe(true);
    expect(await at(["ps", "--stale"])).toMatchObject({ code: 0 });
    expect((await at(["refresh", id])).stdout).toContain("no file has changed");

    const gone = await at(["revoke", id.slice(0, 12)]);
    expect([gone.code, gone.stdout]).toEqual([0, `${APP}-${kind}: revoked KEY\n`]);
    expect(
      await dockerOut(["exec", id, "sh", "-c", "cat /run/secrets/KEY 2>/dev/null | wc -c"]),
    ).toBe("0");
    const unknown = await at(["ps", "--stale"]);
    expect([unknown.code, row.exec(unknown.stdout)?.[1]]).toEqual([
      9,
      expect.stringContaining("unknown"),
    ]);

    expect(await at(["down", "--timeout", "0", id])).toMatchObject({
      code: 0,
      stdout: `${APP}-${kind}\n`,
    });
    expect((await at(["ps", "--all", "--json"])).stdout).toBe("[]\n");
  });

  it("IX26: a variable makes ps stale and refresh exit 9, by name", async () => {
    await set("KEY", "--file", "/run/secrets/KEY");
    await set("VARIABLE");
    const id = await started(kind);
    await set("VARIABLE");
    const fresh = await at(["refresh", "--json", id]);
    expect(fresh.code).toBe(9);
    const why = "a variable: run the container anew";
    expect(parseJson(fresh.stdout)).toMatchObject([
      { refreshed: [], stale: [{ name: "VARIABLE", why }] },
    ]);
    expect(parseJson((await at(["ps", "--json"])).stdout)).toMatchObject([
      {
        id,
        files: ["KEY"],
        variables: ["VARIABLE"],
        status: { kind: "stale", names: ["VARIABLE"] },
      },
    ]);
    const revoked = await at(["revoke", id]);
    expect([revoked.code, revoked.stderr]).toEqual([9, expect.stringContaining("keeps VARIABLE")]);
    await at(["rm", "VARIABLE", "--env", "prod"]);
    expect((await at(["refresh", id])).code).not.toBe(0);
  });

  it("IT6: nothing in inspect, diff, events, commit, save, export or on the engine's disk", async () => {
    await using place = await makeWorld();
    const since = await place.write("since", "");
    await set("KEY", "--file", "/run/secrets/KEY");
    const id = await started(kind);
    await set("KEY");
    await at(["refresh", id]);
    const seen = [await traceOf(id, place)];
    await set("KEY");
    await at(["refresh", "--signal", "URG", id]);
    await at(["revoke", id]);
    seen.push(await traceOf(id, place));
    const { dataRoot } = testEngine();
    const hits = dataRoot === "" ? [] : await findOnDisk(dataRoot, values, since);
    expect(hits.filter(({ inMemory }) => !inMemory)).toEqual([]);
    expect(seen.flatMap((text) => leaksIn(text, values))).toEqual([]);
    expect(await findOnDisk(place.cwd, values, since)).toEqual([]);
  });
});

/** What the engine tells of a container; an export and a saved commit are left in the place. */
async function traceOf(id: string, place: World): Promise<string> {
  const tag = `smtest-live-${randomBytes(4).toString("hex")}`;
  const shown = [
    await dockerOut(["inspect", id]),
    await dockerOut(["diff", id]),
    await dockerOut(["events", "--since", "60s", "--until", "0s"]),
  ];
  await dockerOut(["commit", id, tag]);
  await dockerOut(["export", "-o", join(place.cwd, `${tag}.export`), id]);
  await dockerOut(["save", "-o", join(place.cwd, `${tag}.save`), tag]);
  await dockerOut(["rmi", "-f", tag]);
  return shown.join("\n");
}

describe("which containers", () => {
  beforeEach(async () => {
    await set("KEY", "--file", "/run/secrets/KEY");
  });

  it("--all, --env, --app and --any-app", async () => {
    const id = await started("bind");
    await set("KEY");
    expect((await at(["refresh", "--all", "--env", "test"])).stdout).toBe("");
    const all = await at(["refresh", "--all", "--env", "prod", "--", "cat", "/run/secrets/KEY"]);
    expect([all.code, all.stderr]).toEqual([0, "***"]);
    await using other = await makeWorld();
    await sealmountOut(["init", "--app", "dogs"], { cwd: other.cwd, env: other.env });
    const elsewhere = { cwd: other.cwd };
    expect((await at(["ps", "--json"], elsewhere)).stdout).toBe("[]\n");
    const named = parseJson((await at(["ps", "--json", "--app", APP], elsewhere)).stdout);
    expect(named).toMatchObject([{ id, status: { kind: "unknown" } }]);
    for (const command of ["refresh", "revoke", "down"]) {
      const ran = await at([command, id], elsewhere);
      expect([ran.code, ran.stderr]).toEqual([6, expect.stringContaining("belongs to app")]);
    }
    expect(await at(["revoke", "--app", APP, id], elsewhere)).toMatchObject({ code: 0 });
    expect(await at(["down", "--all", "--timeout", "0"])).toMatchObject({ code: 0 });
    expect(await dockerOut(["ps", "-aq", "--filter", `label=sealmount.app=${APP}`])).toBe("");
  });

  it("without a manifest or a key the status is unknown, with the reason", async () => {
    const id = await started("bind");
    await using empty = await makeWorld();
    const elsewhere = await at(["ps", "--json"], { cwd: empty.cwd });
    expect(elsewhere.code).toBe(0);
    const lines = parseJson<{ id: string; status: { kind: string; why: string } }[]>(
      elsewhere.stdout,
    );
    expect(lines.find((line) => line.id === id)?.status).toMatchObject({
      kind: "unknown",
      why: expect.stringContaining("MANIFEST_NOT_FOUND"),
    });
    const env = {
      ...world.env,
      ...ENV,
      DOCKER_HOST: engineHost(),
      XDG_CONFIG_HOME: "/nonexistent",
    };
    const keyless = await sealmount(["ps", "--stale", "--json"], { cwd: world.cwd, env });
    expect(keyless.code).toBe(9);
    expect(keyless.stdout).toContain("KEY_NOT_FOUND");
  });

  it.each([
    [["refresh"], 2],
    [["refresh", "smtest-none"], 6],
    [["refresh", "web", "--force"], 2],
    [["refresh", "--signal", "NOPE", "smtest-none"], 2],
    [["refresh", "--signal", "HUP", "--exec", "true", "smtest-none"], 2],
    [["revoke"], 2],
    [["revoke", "--env", "prod", "web"], 2],
    [["revoke", "--all", "web"], 2],
    [["down", "--timeout", "soon", "web"], 2],
    [["down", "smtest-none"], 6],
  ])("%j exits %i", async (args, code) => {
    expect((await at(args)).code).toBe(code);
  });
});
