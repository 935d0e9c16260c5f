/** What a proof leaves behind when it is killed, and that `doctor --clean` takes away that alone. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { pushTag } from "../../src/docker/push-name.ts";
import { doctor } from "../../src/doctor/doctor.ts";
import type { DoctorLine } from "../../src/doctor/model.ts";
import { dockerCli, dockerOut, engineHost, testEngine } from "../engine/current.ts";
import { dockerEnvironment } from "../engine/engine.ts";
import type { World } from "../support/temp.ts";
import { dockerfile, theEngine, worldWithImage } from "./build-harness.ts";

const TAG = `smtest-killed-${process.pid}`;

let world: World;
beforeEach(async () => {
  world = await worldWithImage(TAG);
  await dockerfile(world, `RUN echo ${randomBytes(12).toString("hex")} > /mark`);
});

/** Starts a proof, kills it in the middle, and wants nothing to be found before. */
async function killed(...args: readonly string[]): Promise<void> {
  const script = join(import.meta.dirname, "proof-until.ts");
  const child = spawn(process.execPath, [script, engineHost(), ...args], {
    cwd: world.cwd,
    env: { ...world.env, ...(await dockerEnvironment(testEngine(), world.root)) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exit = once(child, "exit");
  try {
    let said = "";
    for await (const text of child.stderr.setEncoding("utf8")) {
      said += text;
      if (said.endsWith("here\n")) break;
    }
    expect(said.endsWith("here\n")).toBe(true);
    expect(await found()).toEqual([]);
  } finally {
    child.kill("SIGKILL");
    await exit;
  }
}

/** What doctor says of leftovers of this test; other suites have theirs meanwhile. */
async function found(clean = false): Promise<DoctorLine[]> {
  const { env, home, cwd } = world;
  const lines = await doctor({ env, home, cwd, connect: theEngine, clean });
  const isOurs = /^(?:image|image name|output) | is the last name /;
  return lines.filter(({ name, detail }) => name === "leftovers" && isOurs.test(detail));
}

const namesOf = async (image: string): Promise<unknown> => {
  const inspected = await (await theEngine()).inspectImage(image);
  return inspected === null ? null : [inspected.RepoTags, inspected.RepoDigests];
};

const notes = async (): Promise<string[]> =>
  readdir(join(world.env["XDG_CACHE_HOME"] ?? "", "sealmount", "held"));

describe("a push of verify that is killed", () => {
  beforeEach(async () => {
    await dockerOut(["build", "-q", "--network=none", "-t", TAG, "."], { cwd: world.cwd });
  });

  it("leaves a name, which goes", async () => {
    const before = await namesOf(TAG);
    await killed("push", TAG);
    const after = await found();
    expect(after).toMatchObject([{ status: "warn", fix: "sealmount doctor --clean" }]);
    expect(after[0]?.detail).toMatch(/^image name 127\.0\.0\.1:\d+\/sealmount-/);
    expect(await found(true)).toMatchObject([{ status: "ok" }]);
    expect(await namesOf(TAG)).toEqual(before);
    expect(await found()).toEqual([]);
  });

  it("whose name is the last one by now: the image stays, and it is said how it goes", async () => {
    await killed("push", TAG);
    const [line] = await found();
    const name = /127\S+/.exec(line?.detail ?? "")?.[0] ?? "";
    onTestFinished(async () => void (await dockerCli(["rmi", "-f", name])));
    await dockerOut(["rmi", TAG]);
    const [refused] = await found(true);
    expect(refused).toMatchObject({ status: "fail", code: "DOCKER_REFUSED" });
    expect(refused?.fix).toContain(`docker image rm ${name}`);
    expect(await namesOf(name)).not.toBeNull();
  });

  it("is told from all names that somebody could have given", async () => {
    const digits = randomBytes(16).toString("hex");
    // of a process that lives
    const ours = pushTag();
    const left = `verify_1.1_${/_([0-9a-f]{12})_/.exec(ours)?.[1]}_1`;
    const names = [
      `127.0.0.1:5000/sealmount-${digits}:${ours}`,
      `127.0.0.1:5000/sealmount-${digits}:verify`,
      `127.0.0.1:5000/sealmount-cats:${left}`,
      `127.0.0.1:5000/a/sealmount-${digits}:${left}`,
      `localhost:5000/sealmount-${digits}:${left}`,
      `sealmount-${digits}:${left}`,
    ];
    for (const name of names) await dockerOut(["tag", TAG, name]);
    onTestFinished(async () => void (await dockerCli(["rmi", ...names])));
    expect(await found(true)).toEqual([]);
    for (const name of names) expect(await namesOf(name)).not.toBeNull();
    // the same, but of a process that is gone
    const gone = `127.0.0.1:5000/sealmount-${digits}:${left}`;
    await dockerOut(["tag", TAG, gone]);
    expect(await found(true)).toMatchObject([{ status: "ok" }]);
    expect(await namesOf(gone)).toBeNull();
  });
});

describe("a build with a proof that is killed", () => {
  let image = "";
  afterEach(async () => {
    if (image !== "") await dockerCli(["rmi", "-f", image]);
    image = "";
  });

  it.each(["build", "via"])("leaves an image without a name, which goes: %s", async (what) => {
    await killed(what, TAG);
    expect(await namesOf(TAG)).toBeNull();
    const lines = await found();
    // another builder tells the id in a file
    expect(lines).toHaveLength(what === "via" ? 2 : 1);
    image = /sha256:\S+/.exec(lines.at(-1)?.detail ?? "")?.[0] ?? "";
    expect(await namesOf(image)).not.toBeNull();
    expect((await found(true)).at(-1)).toMatchObject({
      status: "ok",
      detail: `image ${image} removed`,
    });
    expect(await readdir(world.env["TMPDIR"] ?? "")).toEqual([]);
    expect(await namesOf(image)).toBeNull();
    expect(await notes()).toEqual([]);
  });

  it.each(["a name", "a container"])("and whose image has got %s: it stays", async (what) => {
    await killed("build", TAG);
    const [line] = await found();
    image = /sha256:\S+/.exec(line?.detail ?? "")?.[0] ?? "";
    if (what === "a name") await dockerOut(["tag", image, TAG]);
    else {
      const id = await dockerOut(["create", image, "true"]);
      onTestFinished(async () => void (await dockerCli(["rm", "-f", id])));
    }
    await found(true);
    expect(await namesOf(image)).not.toBeNull();
    expect(await notes()).toEqual([]);
  });

  it.each(["type=local,dest=out", "type=tar,dest=made.tar", "type=tar,dest=-"])(
    "leaves what it made for %s, which goes",
    async (output) => {
      await killed("build", TAG, output);
      expect(await found()).toMatchObject([{ status: "warn" }]);
      expect(await found(true)).toMatchObject([{ status: "ok" }]);
      expect(await readdir(world.cwd)).toEqual(["Dockerfile"]);
      expect(await readdir(world.env["TMPDIR"] ?? "")).toEqual([]);
      expect(await notes()).toEqual([]);
    },
  );

  it("leaves a folder alone in which it wrote, but for what is its own", async () => {
    await world.write("out/theirs", "1");
    await killed("build", TAG, "type=local,dest=out");
    expect(await readdir(join(world.cwd, "out"))).toHaveLength(2);
    expect(await found(true)).toMatchObject([{ status: "ok" }]);
    expect(await readdir(join(world.cwd, "out"))).toEqual(["theirs"]);
  });
});
