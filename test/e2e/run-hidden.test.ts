import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { findLeftovers } from "../../src/docker/leftovers.ts";
import { GATES } from "../../src/run/gate/binaries.ts";
import { dockerCli, dockerOut, testEngine } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { findOnDisk } from "../support/disk.ts";
import { makeWorld } from "../support/temp.ts";
import {
  ENV,
  expectClean,
  recordEngine,
  remoteEngine,
  runIn,
  secret,
  sweep,
  theEngine,
} from "./run-harness.ts";
import { APP_IMAGE, SCRATCH_IMAGE, buildImages, removeImages } from "./run-image.ts";

/** An image with a health check of either kind, and one with programs to be found or not. */
const HEALTH_IMAGE = `smtest-hidden-health-${process.pid}`;
const RULES_IMAGE = `smtest-hidden-rules-${process.pid}`;

const HEALTH = `FROM busybox:local
HEALTHCHECK --interval=1s --retries=30 CMD test -n "$API_KEY"
CMD ["sleep", "60"]
`;
const RULES = `FROM busybox:local
RUN mkdir -p /a /b /w /a/folder && echo x > /a/plain && echo x > /a/text && chmod 755 /a/text \\
 && printf '#!/bin/sh\\necho b\\n' > /b/tool && chmod 755 /b/tool \\
 && for name in here plain folder; do cp /b/tool /w/$name; done
WORKDIR /w
`;

const cache = await mkdtemp(join(tmpdir(), "smtest-cache-"));
const env = { ...ENV, XDG_CACHE_HOME: cache };

beforeAll(async () => {
  await buildImages();
  await using world = await makeWorld();
  for (const [name, text] of [
    [HEALTH_IMAGE, HEALTH],
    [RULES_IMAGE, RULES],
  ] as const) {
    await world.write("Dockerfile", text);
    await dockerOut(["build", "-q", "-t", name, "."], { cwd: world.cwd });
  }
});
afterAll(async () => {
  await removeImages();
  await dockerCli(["rmi", "-f", HEALTH_IMAGE, RULES_IMAGE]);
  await rm(cache, { recursive: true });
});
afterEach(expectClean);

const KINDS = ["bind", "volume"] as const;
type Kind = (typeof KINDS)[number];

/** `run` with everything hidden, on the engine of this machine or as if it were another's. */
async function hidden(kind: Kind, options: Parameters<typeof runIn>[0]): ReturnType<typeof runIn> {
  const engine = options.engine ?? (kind === "bind" ? await theEngine() : await remoteEngine());
  return runIn({ image: APP_IMAGE, env, variables: "hidden", ...options, engine });
}

/** Variables as /proc has them. */
function recordsOf(stdout: Buffer): Map<string, string> {
  const records = stdout.toString("latin1").split("\0").slice(0, -1);
  return new Map(records.map((record) => [record.split("=")[0] ?? "", record]));
}

const OWN_ENVIRONMENT = ["cat", "/proc/self/environ"];

/** How `docker run` of these words ends; asked once, for both kinds. */
const ended = new Map<string, ReturnType<typeof dockerCli>>();
async function dockersOwn(words: readonly string[]): ReturnType<typeof dockerCli> {
  const key = JSON.stringify(words);
  const answer = ended.get(key) ?? dockerCli(["run", "--rm", "--network=none", ...words]);
  ended.set(key, answer);
  return answer;
}

describe.each(KINDS)("run --env-hidden by %s", (kind) => {
  it("RI14: the program's variables are those of a plain run, byte for byte", async () => {
    const values = {
      NEWLINES: "a\n\n'b'\"c\"\\$HOME `x`\n",
      UTF8: "ö€🐈",
      EQUALS: " =a b= ",
      EMPTY: "",
      BIG: "x".repeat(100_000),
    };
    const entries = (): ReturnType<typeof secret>[] => [
      ...Object.entries(values).map(([name, value]) => secret(name, value)),
      { ...secret("PLAIN", "from the manifest"), sensitive: false },
    ];
    const container = { rm: true, hostname: "tabby", env: ["TYPED=1", "UTF8=typed"] };
    const o = { image: APP_IMAGE, container, command: OWN_ENVIRONMENT };
    const ran = await hidden(kind, { ...o, entries: entries() });
    const plain = await runIn({ ...o, entries: entries(), variables: "plain" });
    const [one, other] = [recordsOf(ran.stdout), recordsOf(plain.stdout)];
    const differing = [...one].filter(([name, record]) => other.get(name) !== record);
    expect(differing.map(([name]) => name)).toEqual([]);
    expect([...one.keys()].toSorted()).toEqual([...other.keys()].toSorted());
    expect([ran.delivery, ran.exitCode, ran.stderr.length]).toEqual([kind, 0, 0]);
    expect(one.get("UTF8")).toBe("UTF8=typed");
  });

  it("delivers bytes that no create request could", async () => {
    const value = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1));
    const ran = await hidden(kind, { entries: [secret("A", value)], command: OWN_ENVIRONMENT });
    expect(recordsOf(ran.stdout).get("A")).toBe(`A=${value.toString("latin1")}`);
  });

  it("leaves out what a bare -e takes away, and does nothing without secrets", async () => {
    const container = { rm: true, env: ["A"] };
    const ran = await hidden(kind, {
      entries: [secret("A", "x")],
      container,
      command: OWN_ENVIRONMENT,
    });
    expect([recordsOf(ran.stdout).has("A"), ran.delivery]).toEqual([false, "none"]);
  });

  it("works in an image with nothing in it, read-only, without capabilities", async () => {
    const value = canary();
    const ran = await hidden(kind, {
      image: SCRATCH_IMAGE,
      entries: [secret("A", value)],
      command: ["/proc/self/environ"],
      container: {
        rm: true,
        readOnly: true,
        network: "none",
        capDrop: ["ALL"],
        securityOpt: ["no-new-privileges"],
      },
    });
    const record = Buffer.from(`A=${value}`).toString("latin1");
    expect(recordsOf(ran.stdout).get("A") === record).toBe(true);
  });

  it.each([
    ["the image's USER", {}, "1234:2345"],
    ["-u with numbers", { user: "4321:5432" }, "4321:5432"],
    ["-u with a name", { user: "other" }, "1300:1300"],
    ["root", { user: "0" }, "0:0"],
  ])("keeps %s, the folder and process 1", async (_title, container, ids) => {
    const script = 'echo "$(id -u):$(id -g) $(pwd) $$ $A"; stat -c %a:%u /run/sealmount/env';
    const ran = await hidden(kind, {
      entries: [secret("A", "purr")],
      container: { rm: true, ...container },
      command: ["sh", "-c", script],
    });
    const [uid] = ids.split(":");
    expect(ran.stdout.toString()).toBe(`${ids} /srv/app 1 purr\n400:${uid}\n`);
  });

  it("runs under an init, with the others' exit codes and signals", async () => {
    const script = 'trap "exit 7" TERM; echo $$; while :; do sleep 0.1; done';
    let send: (signal: NodeJS.Signals) => void = () => undefined;
    const ran = await hidden(kind, {
      entries: [secret("A", "purr")],
      container: { rm: true, init: true },
      command: ["sh", "-c", script],
      io: {
        onSignal(listener: typeof send) {
          send = listener;
          return () => undefined;
        },
      } as never,
      onPhase: (phase) => {
        if (phase === "running") setTimeout(() => send("SIGTERM"), 1000);
      },
    });
    expect(ran.exitCode).toBe(7);
    expect(ran.stdout.toString()).not.toBe("1\n");
  });

  it("passes a signal to process 1 itself, and its own death on", async () => {
    const ran = await hidden(kind, {
      entries: [secret("A", "purr")],
      container: { detach: true },
      command: ["sh", "-c", 'trap "exit 7" TERM; echo ready; while :; do sleep 0.1; done'],
    });
    await expect.poll(async () => dockerOut(["logs", ran.containerId])).toBe("ready");
    await dockerOut(["stop", "-t", "5", ran.containerId]);
    const state = await dockerOut(["inspect", "-f", "{{.State.ExitCode}}", ran.containerId]);
    await remove(ran.containerId);
    expect(state).toBe("7");
  });

  it("hides the variables from root, who can't change their file either", async () => {
    const script = "cd /run/sealmount; echo x > env; rm -f env; chmod 666 env; stat -f -c %T env";
    const ran = await hidden(kind, {
      entries: [secret("A", "purr")],
      container: { rm: true, user: "0" },
      command: ["sh", "-c", script],
    });
    expect(ran.stdout.toString()).toBe("tmpfs\n");
    expect(ran.stderr.toString().match(/Read-only file system/g)?.length).toBeGreaterThan(1);
  });

  it("gives the health check its variables", async () => {
    const ran = await hidden(kind, {
      image: HEALTH_IMAGE,
      entries: [secret("API_KEY", "purr")],
      container: { detach: true },
    });
    const format = "{{.State.Health.Status}}";
    let status = "starting";
    for (let tries = 0; status === "starting" && tries < 60; tries += 1) {
      await sleep(250);
      status = await dockerOut(["inspect", "-f", format, ran.containerId]);
    }
    const retries = "{{.Config.Healthcheck.Retries}} {{.Config.Healthcheck.Interval}}";
    const kept = await dockerOut(["inspect", "-f", retries, ran.containerId]);
    await remove(ran.containerId);
    expect([status, kept]).toEqual(["healthy", "30 1s"]);
  });

  it.each([
    [["-e", "PATH=/a:/b"], ["tool"]],
    [["-e", "PATH=/a"], ["plain"]],
    [["-e", "PATH=/a"], ["folder"]],
    [["-e", "PATH=/a"], ["here"]],
    [["-e", "PATH=/a"], ["./here"]],
    [["-e", "PATH=/a"], ["/a/plain"]],
    [["-e", "PATH=/a"], ["/a/folder"]],
    [["-e", "PATH=/a"], ["/a/none"]],
    [["-e", "PATH=/a"], [""]],
    [["-e", "PATH"], ["true"]],
    [["--entrypoint", "/b/tool"], ["a"]],
    [["--entrypoint", ""], ["true"]],
  ])("exits as docker does: docker run %j IMAGE %j", async (options, command) => {
    const docker = await dockersOwn([...options, RULES_IMAGE, ...command]);
    const [flag = "", value = ""] = options;
    const container = flag === "-e" ? { env: [value] } : { entrypoint: value };
    const ran = await hidden(kind, {
      image: RULES_IMAGE,
      entries: [secret("A", "purr")],
      container: { rm: true, network: "none", ...container },
      command,
    });
    expect([ran.exitCode, ran.stdout.toString().trim()]).toEqual([
      docker.code,
      docker.stdout.trim(),
    ]);
  });

  it("leaves it to the engine to say that there is no program", async () => {
    const ran = hidden(kind, {
      image: RULES_IMAGE,
      entries: [secret("A", "purr")],
      container: { rm: true, entrypoint: "" },
    });
    await expect(ran).rejects.toThrow(/no command specified/i);
  });

  it("takes files beside the variables", async () => {
    const ran = await hidden(kind, {
      entries: [secret("A", "purr"), secret("B", "meow")],
      files: [{ name: "B", owner: "USER" }],
      command: ["sh", "-c", 'echo "$A ${B-none} $(cat /run/secrets/B)"'],
    });
    expect(ran.stdout.toString()).toBe("purr none meow\n");
  });

  it("IT6: no value in inspect, diff, export, commit, save, events or on the engine's disk", async () => {
    const value = canary("hidden");
    await using world = await makeWorld();
    const since = await world.write("since", "");
    const name = `smtest-hidden-${kind}`;
    const ran = await hidden(kind, {
      image: HEALTH_IMAGE,
      entries: [secret("API_KEY", value)],
      container: { detach: true, name },
    });
    await sleep(1500);
    const id = ran.containerId;
    const seen = [
      await dockerOut(["inspect", id]),
      await dockerOut(["diff", id]),
      await dockerOut(["logs", id]),
      await dockerOut(["events", "--since", "30s", "--until", "0s"]),
    ];
    await dockerOut(["commit", id, name]);
    seen.push(await dockerOut(["inspect", name]));
    await dockerOut(["export", "-o", join(world.cwd, "export"), id]);
    await dockerOut(["save", "-o", join(world.cwd, "save"), name]);
    await expectOnNoDisk(world.cwd, value, since);
    await dockerOut(["rm", "-f", id]);
    await expectOnNoDisk(world.cwd, value, since);
    await dockerOut(["rmi", "-f", name]);
    await sweep();
    expect(seen.flatMap((text) => leaksIn(text, [value]))).toEqual([]);
    // it is the container that had the value
    expect(seen[0]).toContain("/run/sealmount-gate/");
  });

  it("IT6: no value in a URL or a header, nor in a create request", async () => {
    const value = canary("url");
    await using recorder = await recordEngine();
    const engine = recorder.engine;
    const ran = await hidden(kind, {
      engine,
      delivery: kind,
      entries: [secret("A", value)],
      command: ["true"],
    });
    expect(ran.exitCode).toBe(0);
    const sent = recorder.sent();
    expect(sent).toContain("/containers/create");
    const lines = sent.split("\r\n").filter((line) => /^[A-Z]+ \/|^[\w-]+: |^\{/.test(line));
    expect(leaksIn(lines.join("\n"), [value])).toEqual([]);
    // only the upload into the volume holds it
    expect(leaksIn(sent, [value]).length > 0).toBe(kind === "volume");
  });

  it("starts again with its variables, or no program at all", async () => {
    const ran = await hidden(kind, {
      entries: [secret("A", "purr")],
      container: { detach: true },
      command: ["sh", "-c", "echo started; sleep 60"],
    });
    await dockerCli(["restart", "-t", "0", ran.containerId]);
    const seen = async (): Promise<unknown> => [
      await dockerOut(["inspect", "-f", "{{.State.Running}}", ran.containerId]),
      (await dockerCli(["logs", ran.containerId])).stdout,
    ];
    // bound files stay as long as the container; a volume is empty, and the gate says so
    const again = kind === "bind" ? ["true", "started\nstarted\n"] : ["false", "started\n"];
    await expect.poll(seen).toEqual(again);
    await remove(ran.containerId);
  });
});

describe("the gate as process 1, waiting", () => {
  async function waiting(name: string): Promise<string> {
    const file = join(cache, "waiting");
    const machine = process.arch === "arm64" ? "arm64" : "amd64";
    await writeFile(file, Buffer.from(GATES[machine].base64, "base64"), { mode: 0o755 });
    const mount = ["-v", `${file}:/gate:ro`, "--entrypoint", "/gate"];
    const program = ["wait", "/env", "sh", "-c", "echo $A; sleep 60; :"];
    return dockerOut(["run", "-d", "--name", name, ...mount, "busybox:local", ...program]);
  }

  // a process 1 without handlers would ignore the signal, and be killed after the time
  it.each([
    ["TERM", "143"],
    ["INT", "130"],
    ["QUIT", "131"],
  ])("ends with SIG%s", async (signal, code) => {
    const id = await waiting(`smtest-waiting-${signal}`);
    await dockerOut(["kill", "-s", signal, id]);
    const exited = await dockerOut(["wait", id]);
    await dockerOut(["rm", "-f", id]);
    expect(exited).toBe(code);
  });

  it("starts the program when the file is there, and the program is process 1", async () => {
    const id = await waiting("smtest-waiting-file");
    const deliver = "printf 'A=purr\\0\\0' > /new && mv /new /env";
    await dockerOut(["exec", id, "sh", "-c", deliver]);
    let logs = "";
    for (let tries = 0; logs === "" && tries < 100; tries += 1) {
      await sleep(50);
      logs = await dockerOut(["logs", id]);
    }
    const first = await dockerOut(["exec", id, "sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline"]);
    await dockerOut(["rm", "-f", id]);
    expect([logs, first.startsWith("sh -c")]).toEqual(["purr", true]);
  });
});

describe("run --env-hidden: the gate's way in", () => {
  it("mends a damaged copy in the cache folder, which is closed to others", async () => {
    const folder = join(cache, "sealmount");
    await mkdir(folder, { recursive: true, mode: 0o755 });
    const o = { entries: [secret("A", "purr")], command: ["sh", "-c", "echo $A"] };
    const first = await hidden("bind", o);
    const [name = ""] = await readdir(folder);
    const whole = await readFile(join(folder, name));
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(name).toBe(`gate-${createHash("sha256").update(whole).digest("hex").slice(0, 16)}`);
    await truncate(join(folder, name), 100);
    const again = await hidden("bind", { ...o, entries: [secret("A", "purr")] });
    expect([first, again].map(({ stdout }) => stdout.toString())).toEqual(["purr\n", "purr\n"]);
    expect((await readFile(join(folder, name))).equals(whole)).toBe(true);
  });

  it("takes the volume where there is no cache folder, and still binds the variables", async () => {
    const other = { ...env, XDG_CACHE_HOME: "/proc/smtest" };
    const ran = await hidden("bind", {
      env: other,
      entries: [secret("A", "purr")],
      command: ["sh", "-c", "echo $A; grep -c 'sealmount-gate.* ro,' /proc/mounts"],
    });
    expect([ran.delivery, ran.stdout.toString()]).toEqual(["bind", "purr\n1\n"]);
  });

  it("does not use a half-filled volume, and keeps a good one", async () => {
    const o = { command: ["sh", "-c", "echo $A"] };
    await hidden("volume", { ...o, entries: [secret("A", "purr")] });
    const volume = await gateVolume();
    const mounted = ["run", "--rm", "-v", `${volume}:/gate`, "busybox:local", "sh", "-c"];
    const before = await dockerOut([...mounted, "ls /gate"]);
    await hidden("volume", { ...o, entries: [secret("A", "purr")] });
    expect(await dockerOut([...mounted, "ls /gate"])).toBe(before);
    await dockerOut([
      ...mounted,
      "cd /gate; for f in *; do head -c 100 $f > x; cat x > $f; rm x; done",
    ]);
    const ran = await hidden("volume", { ...o, entries: [secret("A", "purr")] });
    expect(ran.stdout.toString()).toBe("purr\n");
    const added = (await dockerOut([...mounted, "ls /gate"])).split("\n").length;
    expect(added).toBe(before.split("\n").length + 1);
  });

  it("takes five first runs at once", async () => {
    await dockerCli(["volume", "rm", await gateVolume()]);
    const ran = await Promise.all(
      Array.from({ length: 5 }, async () =>
        hidden("volume", { entries: [secret("A", "purr")], command: ["sh", "-c", "echo $A"] }),
      ),
    );
    expect(ran.map(({ stdout }) => stdout.toString())).toEqual(Array(5).fill("purr\n"));
  });

  it("doctor --clean takes the volume only when no container has it", async () => {
    const ran = await hidden("volume", {
      entries: [secret("A", "purr")],
      container: { detach: true },
      command: ["sleep", "60"],
    });
    const volume = await gateVolume();
    const later = Date.now() + 3_600_000;
    const names = async (): Promise<string[]> => {
      const found = await findLeftovers(await anotherMachine(), ENV, later);
      return found.filter(({ kept }) => kept).map(({ name }) => name);
    };
    expect(await names()).not.toContain(volume);
    await remove(ran.containerId);
    expect(await names()).toContain(volume);
  });

  it.each([
    [{ Os: "windows" }, "variables can't be hidden for windows containers"],
    [{ Architecture: "s390x" }, "variables can't be hidden for s390x"],
  ])("refuses %j, and says how to go on", async (change, message) => {
    const engine = await theEngine();
    const other = new Proxy(engine, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (key === "inspectImage") {
          return async (name: string) => ({ ...(await target.inspectImage(name)), ...change });
        }
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    const ran = hidden("bind", { engine: other, entries: [secret("A", "x")], command: ["true"] });
    await expect(ran).rejects.toMatchObject({
      code: "DELIVERY_FAILED",
      message,
      hint: expect.stringContaining("--env-as-file"),
    });
  });
});

describe.each(KINDS)("run --env-as-file by %s", (kind) => {
  it("gives the path of each secret's file, readable by the program's user alone", async () => {
    const script =
      'echo "${A-none} $A_FILE $(cat $A_FILE) $(stat -c %u:%a $A_FILE) ${P-none} ${P_FILE-none} ${T}"';
    const entries = [
      secret("A", "purr"),
      { ...secret("P", "plain"), sensitive: false },
      secret("T", "hidden"),
    ];
    const container = { rm: true, env: ["T=typed"] };
    const ran = await hidden(kind, {
      variables: "file",
      entries,
      container,
      command: ["sh", "-c", script],
    });
    expect(ran.stdout.toString()).toBe("none /run/secrets/A purr 1234:400 plain none typed\n");
  });
});

async function expectOnNoDisk(folder: string, value: string, since: string): Promise<void> {
  expect(await findOnDisk(folder, [value], since)).toEqual([]);
  for (const root of [testEngine().dataRoot, testEngine().execRoot]) {
    if (root === "") continue;
    const hits = await findOnDisk(root, [value], since);
    expect(hits.filter(({ inMemory }) => !inMemory)).toEqual([]);
  }
}

async function remove(id: string): Promise<void> {
  await dockerOut(["rm", "-f", id]);
  await sweep();
}

async function gateVolume(): Promise<string> {
  const names = await dockerOut(["volume", "ls", "-q", "--filter", "label=sealmount.role=gate"]);
  return names.split("\n")[0] ?? "";
}

/** The engine, whose things look as if no process of this machine had made them. */
async function anotherMachine(): ReturnType<typeof theEngine> {
  const engine = await theEngine();
  type Request = typeof engine.request;
  const strip = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value).replaceAll(/@[0-9a-f]{12}/g, "@000000000000"));
  const request = async (...args: Parameters<Request>): Promise<unknown> =>
    strip(await engine.request(...args));
  // `info` remembers, in a field that a proxy does not have
  const changed = new Map<unknown, unknown>([
    ["request", request],
    ["info", async () => engine.info()],
  ]);
  return new Proxy(engine, {
    get: (target, key) => changed.get(key) ?? (Reflect.get(target, key, target) as unknown),
  });
}
