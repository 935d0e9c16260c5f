import { describe, expect, it } from "vitest";

import { environmentOf } from "../../../src/run/environment.ts";
import { parseFileFlag, parseMode } from "../../../src/run/file-flag.ts";
import type { PlanOptions, RunEntry } from "../../../src/run/options.ts";
import { planRun, resolveFiles } from "../../../src/run/plan.ts";
import { Secret } from "../../../src/secret/secret.ts";

const CANARY = "canary-7f2c";

function entry(name: string, o: Partial<RunEntry> = {}): RunEntry {
  return { name, value: Secret.take(name, Buffer.from(CANARY)), sensitive: true, ...o };
}

function options(o: Partial<PlanOptions> = {}): PlanOptions {
  return { image: "cats", env: {}, ...o };
}

function codeOf(o: Partial<PlanOptions>): unknown {
  try {
    planRun(options(o));
    return null;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

describe("planRun", () => {
  it("IX14, RI1: variables by default, plain ones beside them; names only", () => {
    const plan = planRun(
      options({
        command: ["serve"],
        entries: [entry("A"), entry("B", { sensitive: false })],
        container: { env: [`C=${CANARY}`], rm: true },
      }),
    );
    expect(plan).toEqual({
      image: "cats",
      command: ["serve"],
      env: [
        { name: "A", from: "secret" },
        { name: "B", from: "plain" },
        { name: "C", from: "option" },
      ],
      files: [],
      variables: "plain",
      delivery: { kind: "none", life: "none", reseed: false },
      container: { rm: true },
      warnings: [expect.stringMatching(/^A can be read in docker inspect.*--env-hidden/)],
    });
    expect(JSON.stringify(plan)).not.toContain(CANARY);
  });

  it("needs no values: a dry run opens nothing", () => {
    const plan = planRun(options({ entries: [{ name: "A", sensitive: true }] }));
    expect(plan.env).toEqual([{ name: "A", from: "secret" }]);
  });

  it("IX15, IX17, IX31: a file in place of the variable, root's, 0600, in /run/secrets", () => {
    const plan = planRun(options({ entries: [entry("A")], files: [{ name: "A" }] }));
    expect(plan.env).toEqual([]);
    expect(plan.files).toEqual([{ name: "A", path: "/run/secrets/A", owner: "root", mode: 0o600 }]);
  });

  it("IX16: the command line wins over the manifest, part by part", () => {
    const file = { path: "/etc/a", owner: "app", mode: 0o440 };
    const entries = [entry("A", { file })];
    const fileOf = (o: Partial<PlanOptions>): unknown =>
      planRun(options({ entries, ...o })).files[0];
    expect(fileOf({})).toEqual({ name: "A", ...file });
    expect(fileOf({ files: [{ name: "A", mode: 0o400 }] })).toMatchObject({ ...file, mode: 0o400 });
    expect(fileOf({ files: [{ name: "A", path: "/b" }], owner: "1:2", mode: 0o444 })).toEqual({
      name: "A",
      path: "/b",
      owner: "1:2",
      mode: 0o444,
    });
  });

  it("IX19: owner and mode need a file", () => {
    expect(codeOf({ entries: [entry("A")], owner: "app" })).toBe("USAGE");
    expect(codeOf({ entries: [entry("A")], mode: 0o440 })).toBe("USAGE");
    const file = { path: "/a" };
    expect(codeOf({ entries: [entry("A", { file })], mode: 0o440 })).toBe("USAGE");
  });

  it("names the near miss of a file that is not set", () => {
    const bad = options({ entries: [entry("API_KEY")], files: [{ name: "API_KEI" }] });
    expect(() => planRun(bad)).toThrow(
      expect.objectContaining({ code: "SECRET_MISSING", hint: "did you mean API_KEY?" }),
    );
  });

  it.each([
    ["/"],
    [""],
    ["."],
    ["/run/"],
    ["/run/../etc/x"],
    ["../x"],
    ["/proc/x"],
    ["/proc"],
    ["/sys/x"],
    ["/dev/x"],
    ["//proc/x"],
    ["/a\nb"],
    ["/a\0b"],
    [`/${"x".repeat(256)}`],
    [`/${"x/".repeat(2100)}y`],
  ])("DELIVERY_PATH: %j", (path) => {
    expect(codeOf({ entries: [entry("A", { file: { path } })] })).toBe("DELIVERY_PATH");
  });

  it.each([
    ["the same path twice", "/a/b", "/a/b", []],
    ["one below the other", "/a", "/a/b", []],
    ["a mount of the user's", "/a/b", "/c", ["x:/a/b/"]],
  ])("DELIVERY_PATH: %s", (_title, first, second, volume) => {
    const entries = [entry("A", { file: { path: first } }), entry("B", { file: { path: second } })];
    expect(codeOf({ entries, container: { volume } })).toBe("DELIVERY_PATH");
  });

  it("IX18: relative paths are settled with the image's WORKDIR, -w first, and checked again", () => {
    const plan = planRun(options({ entries: [entry("A", { file: { path: ".npmrc" } })] }));
    expect(plan.files[0]?.path).toBe(".npmrc");
    expect(resolveFiles(plan, "/srv/app", "/")[0]?.path).toBe("/srv/app/.npmrc");
    expect(resolveFiles(plan, undefined, "/")[0]?.path).toBe("/.npmrc");
    const typed = { ...plan, container: { workdir: "/w" } };
    expect(resolveFiles(typed, "/srv/app", "/")[0]?.path).toBe("/w/.npmrc");
    const mounted = { ...plan, container: { volume: ["/x:/srv/app/.npmrc"] } };
    expect(() => resolveFiles(mounted, "/srv/app", "/")).toThrow(/same path/);
  });

  it.each(["SEALMOUNT_KEY", "SEALMOUNT_KEY_FILE"])("never passes %s on", (name) => {
    const env = { [name]: "smk1_x" };
    expect(codeOf({ env, container: { env: [name] } })).toBe("USAGE");
    expect(codeOf({ container: { env: [`${name}=x`] } })).toBe("USAGE");
    expect(codeOf({ entries: [entry(name)] })).toBe("USAGE");
    const bytes = Buffer.from(`A=1\n${name}\n`);
    expect(codeOf({ env, envFileTexts: [{ file: "f", bytes }] })).toBe("USAGE");
  });

  it("refuses files that would not be there after a restart, unless an agent brings them back", () => {
    const entries = [entry("A", { file: { path: "/a" } })];
    const volume = { entries, delivery: "volume" } as const;
    expect(codeOf({ ...volume, container: { restart: "always" } })).toBe("POLICY");
    expect(codeOf({ ...volume, container: { restart: "always" }, agent: true })).toBeNull();
    expect(codeOf({ ...volume, container: { detach: true, rm: true } })).toBeNull();
    expect(codeOf({ ...volume, entries: [], container: { restart: "always" } })).toBeNull();
    const plan = planRun(options({ entries, container: { restart: "always" } }));
    expect(plan.delivery).toEqual({ kind: "auto", life: "container", reseed: false });
  });

  it.each([["SYS_ADMIN"], ["cap_sys_admin"], ["ALL"]])("warns about %s beside files", (cap) => {
    const entries = [entry("A", { file: { path: "/a" } })];
    expect(planRun(options({ entries, container: { capAdd: [cap] } })).warnings).toHaveLength(1);
    expect(planRun(options({ container: { capAdd: [cap] } })).warnings).toEqual([]);
  });

  it("refuses what docker would refuse, before anything happens", () => {
    expect(codeOf({ container: { publish: ["x"] } })).toBe("USAGE");
    expect(codeOf({ container: { rm: true, restart: "always" } })).toBe("USAGE_CONFLICT");
  });
});

describe("environmentOf", () => {
  it("puts values in, lets typed ones win, takes out bare names", () => {
    const o = {
      ...options({ container: { env: ["B=typed", "GONE"] } }),
      entries: [entry("A"), entry("B"), entry("F", { file: { path: "/f" } })],
    };
    expect(environmentOf(o, planRun(o))).toEqual([`A=${CANARY}`, "B=typed", "GONE"]);
  });

  it("lets a value fill what Linux takes, to the byte", () => {
    const longest = 128 * 1024 - "A=".length - 1;
    const o = (size: number): PlanOptions & { entries: RunEntry[] } => ({
      ...options(),
      entries: [entry("A", { value: Secret.take("A", Buffer.alloc(size, 97)) })],
    });
    expect(environmentOf(o(longest), planRun(o(longest)))).toHaveLength(1);
    expect(() => environmentOf(o(longest + 1), planRun(options()))).toThrow(
      /is larger than an environment variable may be/,
    );
  });
});

describe("--file", () => {
  it.each([
    ["A", { name: "A" }],
    ["A=/etc/x", { name: "A", path: "/etc/x" }],
    ["A=a=b", { name: "A", path: "a=b" }],
    ["A=/x,owner=app:1,mode=0440", { name: "A", path: "/x", owner: "app:1", mode: 0o440 }],
    ["A,mode=400", { name: "A", mode: 0o400 }],
  ])("%s", (text, request) => {
    expect(parseFileFlag(text)).toEqual(request);
  });

  it.each(["", "=x", "A=", "A=/x,what=1", "A=/x,owner=", "A=/x,mode=9", "A=/x,y", "a b=/x"])(
    "refuses %j",
    (text) => {
      expect(() => parseFileFlag(text)).toThrow(expect.objectContaining({ exitCode: 2 }));
    },
  );

  it.each(["4755", "99", "0", "rw-", "00440", ""])("refuses mode %j", (text) => {
    expect(() => parseMode(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
