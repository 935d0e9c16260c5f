import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { listPrivateFolders } from "../../src/docker/host-tmpfs.ts";
import { testEngine } from "../engine/current.ts";
import { makePodman, type TestPodman } from "../engine/podman.ts";
import { watchArguments } from "../support/argv-watch.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sealmount, sealmountOut } from "../support/cli.ts";
import { findOnDisk } from "../support/disk.ts";
import type { Ran, RunOptions } from "../support/process.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { ENV, IMAGE } from "./run-harness.ts";

/** It has nothing to do with the engine: one variant stands for all. */
const VARIANT = "forky";

const VALUES = {
  KEY: `${canary("key")}\n second line\n`,
  UTF8: "ö€🐈 \\ $HOME 'x' \"y\"",
  EMPTY: "",
};
const FILES = {
  PEM: Buffer.from(canary("pem")),
  BYTES: Buffer.from(Array.from({ length: 1024 }, (_, index) => index % 256)),
  NOTHING: Buffer.alloc(0),
};
const EMPTY_ONES = `EMPTY = ""
NOTHING = { template = "\${EMPTY}", file = "/etc/cats/NOTHING", owner = "1000:65534", mode = "0440" }
`;
const needles = [VALUES.KEY.split("\n")[0] ?? "", FILES.PEM.toString()];

const sum = (value: string | Buffer): string => createHash("sha256").update(value).digest("hex");

describe.skipIf(testEngine().variant !== VARIANT)(
  `run --via podman, the real one (only beside ${VARIANT})`,
  () => {
    let world: World;
    let made: TestPodman | undefined;
    let missing = "";
    let since: string;
    beforeAll(async () => {
      world = await makeWorld();
      since = await world.write("since", "");
      const at = { cwd: world.cwd, env: world.env };
      await sealmountOut(["init", "--app", "cats"], at);
      const set = async (
        name: string,
        value: string | Buffer,
        ...more: string[]
      ): Promise<string> =>
        sealmountOut(["set", name, "--env", "prod", ...more, "--stdin"], { ...at, stdin: value });
      for (const name of ["KEY", "UTF8"] as const) await set(name, VALUES[name]);
      for (const name of ["PEM", "BYTES"] as const) {
        const file = ["--file", `/etc/cats/${name}`, "--owner", "1000:65534", "--mode", "0440"];
        await set(name, FILES[name], ...file);
      }
      // `set` takes no empty value
      const manifest = join(world.cwd, "iterapp.toml");
      const text = await readFile(manifest, "utf8");
      await writeFile(manifest, text.replace("[env.prod]\n", `[env.prod]\n${EMPTY_ONES}`));
      try {
        made = await makePodman(IMAGE);
      } catch (error) {
        missing = String(error);
      }
    });
    afterAll(async () => {
      await made?.[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    });
    beforeEach((context) => context.skip(made === undefined, `podman can't be had: ${missing}`));

    const the = (): TestPodman => {
      if (made === undefined) throw new Error(missing);
      return made;
    };
    const via = async (args: readonly string[], more: Partial<RunOptions> = {}): Promise<Ran> => {
      const env = { ...world.env, ...ENV, PATH: `${the().bin}:${world.env["PATH"]}` };
      const own = ["run", "--via", "podman", "--env", "prod", "--env-plain"];
      return sealmount([...own, ...args], { cwd: world.cwd, env, ...more });
    };
    /** Containers and folders. */
    const left = async (): Promise<string[]> => {
      const { stdout } = await the().run("ps", "--all", "--quiet");
      const folders = (await listPrivateFolders(ENV)).map(({ path }) => path);
      const ours = folders.filter((path) => path.startsWith(ENV.XDG_RUNTIME_DIR));
      return [...stdout.split("\n").filter((line) => line !== ""), ...ours];
    };

    it("hands over exact bytes, never as an argument, and leaves nothing", async () => {
      const variables = Object.keys(VALUES).map((name) => `printf %s "$${name}"`);
      const files = Object.keys(FILES).map((name) => `cat /etc/cats/${name}`);
      const hashes = [...variables, ...files].map((print) => `${print} | sha256sum`).join("; ");
      const facts = 'env | grep -c "^EMPTY=$"; stat -c "%u:%g %a %s" /etc/cats/*';
      const write = "(: > /etc/cats/PEM) 2>&1 | grep -c Read-only; stat -f -c %T /etc/cats/PEM";
      const watch = await watchArguments(needles);
      const words = ["sh", "-c", `${hashes}; ${facts}; ${write}; exit 3`];
      const ran = await via(["--rm", IMAGE, ...words]);
      expect(await watch.stop()).toEqual([]);
      expect(ran).toMatchObject({ code: 3, stderr: "" });
      const expected = [...Object.values(VALUES), ...Object.values(FILES)];
      expect(ran.stdout.trim().split("\n")).toEqual([
        ...expected.map((value) => `${sum(value)}  -`),
        "1",
        "1000:65534 440 1024",
        "1000:65534 440 0",
        `1000:65534 440 ${FILES.PEM.length}`,
        "1",
        "tmpfs",
      ]);
      expect(await left()).toEqual([]);
    });

    it("inspect shows variables, as it was told, and files by their paths", async () => {
      const ran = await via(["-d", "--name", "tabby", IMAGE, "sleep", "300"]);
      expect(ran).toMatchObject({ code: 0, stderr: "" });
      const podman = the();
      const read = await podman.run("exec", "tabby", "cat", "/etc/cats/PEM");
      expect(read.bytes.equals(FILES.PEM)).toBe(true);
      const inspected = (await podman.run("inspect", "tabby")).stdout;
      expect(inspected).toContain("/etc/cats/PEM");
      expect(leaksIn(inspected, [FILES.PEM.toString()])).toEqual([]);
      expect(leaksIn(inspected, [needles[0] ?? ""]).length).toBeGreaterThan(0);
      const exported = await podman.run("export", "tabby");
      expect(leaksIn(exported.bytes, needles)).toEqual([]);
      await podman.run("commit", "--quiet", "tabby", "smtest-tabby");
      const [key = "", pem = ""] = needles;
      expect(await findOnDisk(podman.folder, [pem], since)).toEqual([]);
      expect((await findOnDisk(podman.folder, [key], since)).length).toBeGreaterThan(0);
      expect((await left()).length).toBe(2);
      await podman.run("rm", "--force", "--time", "0", "tabby");
      await podman.run("rmi", "--force", "smtest-tabby");
      // the next run finds that its container is gone
      expect(await via(["--rm", IMAGE, "true"])).toMatchObject({ code: 0 });
      expect(await left()).toEqual([]);
    });

    it.each([
      ["a program that is not there", [IMAGE, "/nope"], 127],
      ["an option that podman refuses", ["--", "--nope", IMAGE], 125],
      ["an image that is not there", ["--pull=never", "smtest-none"], 125],
    ])("%s: podman's own code, and nothing is left", async (_what, words, code) => {
      expect(await via(["--rm", ...words])).toMatchObject({ code });
      expect(await left()).toEqual([]);
    });

    it("passes a signal on, masks what is printed, and takes the files away", async () => {
      const script = `trap 'exit 42' TERM; cat /etc/cats/PEM; echo up; while :; do sleep .1; done`;
      const ran = await via(["--rm", IMAGE, "sh", "-c", script], {
        interrupt: { on: "up", signal: "SIGTERM" },
      });
      expect(ran).toMatchObject({ code: 42, stdout: "***up\n" });
      expect(await left()).toEqual([]);
    });
  },
);
