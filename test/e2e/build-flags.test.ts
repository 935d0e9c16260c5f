import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeEach, describe, expect, it } from "vitest";

import type { BuildOptions } from "../../src/build/options.ts";
import { dockerCli, testEngine } from "../engine/current.ts";
import { parseJson } from "../support/json.ts";
import type { World } from "../support/temp.ts";
import { attempt, BASE, theEngine, worldWithImage } from "./build-harness.ts";

const TAG = `smtest-flags-${process.pid}`;

type Flags = Partial<BuildOptions>;

const IS_CONTAINERD = testEngine().variant.endsWith("containerd");

/** The engine runs on this machine. */
const NATIVE = `linux/${process.arch === "x64" ? "amd64" : process.arch}`;

let world: World;
beforeEach(async () => {
  world = await worldWithImage(TAG);
});

describe("the same flags make the same image as with buildx", () => {
  const shm = "test \"$(df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2)\" = 8192";
  const lo = 'test "$(ls /sys/class/net)" = lo';

  /** What buildx is given, what we are given, and what the step checks. */
  const CASES: readonly (readonly [
    flags: readonly string[],
    ours: Flags,
    lines?: readonly string[],
  ])[] = [
    [["--label", "a=b c", "--label", "flag"], { labels: ["a=b c", "flag"] }],
    [
      ["--build-arg", "ONE=1 2", "--build-arg", "NONE"],
      { buildArgs: ["ONE=1 2", "NONE"] },
      ["ARG ONE", "ARG NONE=default", 'RUN test "$ONE:$NONE" = "1 2:default"', "ENV E=$ONE"],
    ],
    [["--target", "first"], { target: "first" }, [`FROM ${BASE} AS second`, "RUN false"]],
    [["--platform", NATIVE], { platform: NATIVE }, ["ARG TARGETPLATFORM", "ENV T=$TARGETPLATFORM"]],
    [
      ["--platform", "linux/arm64/v8"],
      { platform: "linux/arm64/v8" },
      ["FROM scratch", "ARG TARGETPLATFORM", "ENV T=$TARGETPLATFORM"],
    ],
    [
      ["--add-host", "cats.example:1.2.3.4"],
      { addHosts: ["cats.example:1.2.3.4"] },
      ["RUN grep -q '1.2.3.4.*cats.example' /etc/hosts"],
    ],
    [["--shm-size", "8m"], { shmSize: "8m" }, [`RUN ${shm}`]],
    [
      ["--ulimit", "nofile=1234:2345"],
      { ulimits: ["nofile=1234:2345"] },
      ['RUN test "$(ulimit -n)" = 1234'],
    ],
    [["--network", "none"], { network: "none" }, [`RUN ${lo}`]],
    [["--network", "host"], { network: "host" }, [`RUN ! ${lo}`]],
    [["--network", "default"], { network: "default" }, [`RUN ! ${lo}`]],
    [["--network", "container:x"], { network: "container:x" }],
    [["--allow", "nonsense"], { allow: ["nonsense"] }],
    // 20.10 knows no such flag of RUN; no engine knows the next without a front end of its own
    [["--allow", "network.host"], { allow: ["network.host"] }, [`RUN --network=host ! ${lo}`]],
    [[], {}, [`RUN --network=host ! ${lo}`]],
    [
      ["--allow", "security.insecure"],
      { allow: ["security.insecure"] },
      ["RUN --security=insecure true"],
    ],
    [[], {}, ["RUN --security=insecure true"]],
    [["--cache-from", "localhost:1/smtest/none:1"], { cacheFrom: ["localhost:1/smtest/none:1"] }],
    [["--cache-to", "type=inline"], { cacheTo: ["type=inline"] }],
    // without containerd's store, buildx drops it without a word, or refuses it
    ...(IS_CONTAINERD ? [[["--annotation", "who=me"], { annotations: ["who=me"] }] as const] : []),
    [["--provenance=mode=min"], { provenance: "mode=min" }],
    [["--attest", "type=provenance,mode=max"], { attests: ["type=provenance,mode=max"] }],
    [["--target", "nope"], { target: "nope" }],
    [["--build-arg", "=x"], { buildArgs: ["=x"] }],
  ];

  it.each(
    CASES.map(([flags, ours, lines = []]) => ({
      title: [...flags, ...lines].join(" "),
      flags,
      ours,
      lines,
    })),
  )("$title", async ({ flags, ours, lines }) => {
    const step = lines.some((line) => line.startsWith("RUN")) ? [] : ["RUN true"];
    const mark = `ENV MARK=${process.pid}-${performance.now()}`;
    await world.write(
      "Dockerfile",
      [`FROM ${BASE} AS first`, mark, ...step, ...lines, ""].join("\n"),
    );
    const network = ours.network ?? (flags.length === 0 || ours.allow ? undefined : "none");
    const options = { noCache: false, tags: [TAG], ...ours, network };
    // what an inline cache says of steps depends on whether they ran just now
    if (flags.includes("--cache-to")) await attempt(world, options);
    const { error, result } = await attempt(world, options);
    const isOwn = network === undefined || flags.includes("--network");
    const theirs = await buildx([...flags, ...(isOwn ? [] : ["--network", network])]);
    // refused by both, or made by both
    expect({ failed: error !== null, error }).toMatchObject({ failed: theirs === null });
    if (theirs !== null && result !== null) expectSameImage(result.metadata, theirs, flags);
  });

  function expectSameImage(
    ours: ReadonlyMap<string, string>,
    theirs: Readonly<Record<string, string>>,
    flags: readonly string[],
  ): void {
    const names = ["containerimage.config.digest", "containerimage.digest"];
    const name = names.find((one) => ours.has(one) && one in theirs) ?? "";
    expect(ours.get(name)).toMatch(/^sha256:/);
    // times are part of an attestation, and so of the digest
    if (!isAttested(flags)) expect(ours.get(name)).toBe(theirs[name]);
  }

  /** What it says of the result; null when it refuses or fails. */
  async function buildx(flags: readonly string[]): Promise<Record<string, string> | null> {
    const file = join(world.root, "buildx.json");
    const fixed = [
      "-q",
      "-t",
      TAG,
      ...(isAttested(flags) ? [] : ["--provenance=false"]),
      "--metadata-file",
      file,
    ];
    const { code } = await dockerCli(["buildx", "build", ...fixed, ...flags, world.cwd]);
    return code === 0 ? parseJson<Record<string, string>>(await readFile(file, "utf8")) : null;
  }
});

describe("the table of flags in docs/build.md", () => {
  /** How each flag of the table is asked for; a line of the table that is not here is an error. */
  const PROBES: Readonly<Record<string, Flags | null>> = {
    "-t": { tags: [TAG] },
    "-f": { dockerfile: "Dockerfile" },
    "--build-arg": { buildArgs: ["A=b"] },
    "--target": { target: "first" },
    "--label": { labels: ["a=b"] },
    "--no-cache": { noCache: true },
    "--no-cache-filter": { noCacheFilter: ["first"] },
    "--pull": null, // needs a registry: build-auth.test.ts
    "--network": { network: "host" },
    "--add-host": { addHosts: ["a:1.2.3.4"] },
    "--secret": { secretFlags: ["id=x,src=Dockerfile"] },
    "--ssh": null, // needs an agent: build-ssh.test.ts
    "--allow": { allow: ["network.host"] },
    "--quiet": null, // ours alone: cli.test.ts
    "--progress": null,
    "--iidfile": { iidFile: "iid" },
    "--metadata-file": { metadataFile: "meta" },
    "--load": { load: true },
    "--push": null, // needs a registry: build-push.test.ts
    "--cache-from": { cacheFrom: ["localhost:1/smtest/none:1"] },
    "--platform, one": { platform: NATIVE },
    "--platform, several": { platform: "linux/amd64,linux/arm64" },
    "--add-host NAME:host-gateway": { addHosts: ["a:host-gateway"] },
    "--build-context": { buildContexts: ["named=."] },
    "--shm-size": { shmSize: "8m" },
    "--ulimit": { ulimits: ["nofile=1234"] },
    "--output type=local": { outputs: ["type=local,dest=out"] },
    "type=tar": { outputs: ["type=tar,dest=out.tar"] },
    "--output more than once": {
      outputs: ["type=local,dest=two", "type=tar,dest=two.tar", "type=image"],
    },
    "--output type=oci": { outputs: ["type=oci,dest=oci.tar"] },
    "type=docker,dest=…": { outputs: ["type=docker,dest=docker.tar"] },
    "--cache-to type=inline": { cacheTo: ["type=inline"] },
    "--cache-to type=registry": { cacheTo: ["type=registry,ref=localhost:1/smtest/cache:1"] },
    "type=local": { cacheTo: ["type=local,dest=cache"] },
    "type=gha": { cacheTo: ["type=gha,url=http://127.0.0.1:1/,token=x"] },
    "--cache-from type=gha": { cacheFrom: ["type=gha,url=http://127.0.0.1:1/,token=x"] },
    "--cache-from type=local": null, // needs a store: build-stores.test.ts
    "--build-context NAME=oci-layout://…": null,
    "--builder": null,
    "--cgroup-parent": { cgroupParent: "smtest" },
    "tar=false": { outputs: ["type=oci,dest=oci,tar=false"] },
    // read as a plain address by engines that don't know it: build-sources.test.ts
    "a git address with a query: https://…/repo.git?branch=x&subdir=y": null,
    "--annotation": { annotations: ["who=me"] },
    "--attest": { attests: ["type=provenance,mode=max"] },
    "--sbom": null, // the engine pulls an image that makes it
    "--provenance": { provenance: "mode=max" },
    "--call outline": { call: "outline" },
    "--call targets": { call: "targets" },
    "--check": { call: "check" },
  };
  /** A "yes" that ends in an error all the same: nobody listens where it is to go. */
  const GOES_NOWHERE = new Set(["--cache-to type=registry", "type=gha", "--cache-from type=gha"]);

  it("says what this engine does", async () => {
    const table = await claims();
    expect(table.length).toBeGreaterThan(30);
    await world.write("Dockerfile", `FROM scratch AS first\nCOPY Dockerfile /\n`);
    const wrong: unknown[] = [];
    for (const { flag, claimed } of table) {
      const probe = PROBES[flag];
      if (probe === undefined) wrong.push({ flag, error: "this test has no probe for it" });
      if (probe === undefined || probe === null) continue;
      const { error } = await attempt(world, { noCache: false, tags: [TAG], ...probe });
      const isRefused = isObject(error) && error["code"] === "DOCKER_TOO_OLD";
      const isDone = error === null || (GOES_NOWHERE.has(flag) && !isRefused);
      if (claimed ? !isDone : !isRefused) wrong.push({ flag, claimed, error: String(error) });
    }
    expect(wrong).toEqual([]);
  });

  it("an image, a folder and a tar of one build hold the same", async () => {
    await world.write("Dockerfile", `FROM scratch AS first\nCOPY file /f\n`);
    await world.write("file", TAG);
    const outputs = ["type=local,dest=a", "type=tar,dest=a.tar", "type=image"];
    const { error, result } = await attempt(world, { outputs, tags: [TAG] });
    const several = (await claims()).find(({ flag }) => flag === "--output more than once");
    if (several?.claimed !== true) {
      expect(error).toMatchObject({
        code: "DOCKER_TOO_OLD",
        message: expect.stringMatching(/^engine \d+\.\d+.* is too old for a second --output$/),
        hint: expect.stringContaining("26.0"),
      });
      return;
    }
    expect(error).toBeNull();
    expect(await readFile(join(world.cwd, "a/f"), "utf8")).toBe(TAG);
    expect((await readFile(join(world.cwd, "a.tar"))).includes(TAG)).toBe(true);
    const image = await (await theEngine()).inspectImage(TAG);
    expect(image?.Id).toBe(result?.imageId);
  });
});

function isAttested(flags: readonly string[]): boolean {
  return flags.some((flag) => /--(?:provenance|attest)/.test(flag));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** The lines of the table, one a flag, with what the column of this engine says. */
async function claims(): Promise<readonly { readonly flag: string; readonly claimed: boolean }[]> {
  const text = await readFile(join(import.meta.dirname, "../../docs/build.md"), "utf8");
  const lines = text.split("\n").filter((line) => line.startsWith("|"));
  const cells = lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const [head = []] = cells;
  const column = head.indexOf(await columnOf());
  if (column < 0) throw new Error("the table has no column for this engine");
  return cells.slice(2).flatMap((row) => {
    const claimed = row[column] === "yes";
    return flagsIn(row[0] ?? "").map((flag) => ({ flag, claimed }));
  });
}

/** `--a` `--b`, or one flag with words behind it. */
function flagsIn(cell: string): string[] {
  const flags = Array.from(cell.matchAll(/`([^`]+)`/g), ([, flag = ""]) => flag);
  const words = cell.replaceAll("`", "");
  return flags.length === 1 ? [words] : flags;
}

async function columnOf(): Promise<string> {
  const { engine } = (await theEngine()).version;
  const version = engine.split(".").slice(0, 2).join(".");
  return IS_CONTAINERD ? `${version}, containerd store` : version;
}
