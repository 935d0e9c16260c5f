import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { DOCKER_RUN } from "../../src/cli/specs/docker-run.ts";
import { compareApi } from "../../src/docker/version.ts";
import { dockerCli, dockerOut } from "../engine/current.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { normal } from "./create-normal.ts";
import { CASES, REFUSED, STRICTER, type Case } from "./run-body-cases.ts";
import { createRecorder, type Recorder } from "./create-recorder.ts";
import { IMAGE } from "./run-harness.ts";

/** Our create request beside the one that docker's own client sends for the same words. */

let world: World;
let recorder: Recorder;
/** Major version of docker's client. */
let client: number;

beforeAll(async () => {
  world = await makeWorld();
  await world.write("labels", "# comment\nfrom-file=1\n\n  spaced=a b \nno-value\n");
  await world.write(
    "variables",
    "# comment\nFROM_FILE=1\nSMTEST_VARIABLE\nSMTEST_MISSING\nX=a=b \n",
  );
  await world.write("seccomp.json", '{ "defaultAction": "SCMP_ACT_ALLOW",\n "syscalls": [] }\n');
  await world.write("broken.json", "{");
  await world.write("broken-labels", "=x\n");
  await world.write("taken.cid", "");
  client = Number.parseInt(await dockerOut(["version", "--format", "{{.Client.Version}}"]), 10);
  recorder = await createRecorder(world.cwd, { SMTEST_VARIABLE: "from the client" });
});

afterAll(async () => {
  await recorder[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

describe("the create request", () => {
  it("has a hundred cases and more", () => {
    expect(CASES.length).toBeGreaterThan(120);
    expect(new Set(CASES.map(({ words, command }) => `${words} ${command?.join(" ")}`)).size).toBe(
      CASES.length,
    );
  });

  it("has a case for each option but those that other tests are about", () => {
    const all = CASES.map(({ words }) => ` ${words} `).join("");
    const missing = DOCKER_RUN.filter(
      ({ long, short, refused }) =>
        refused === undefined &&
        !new RegExp(`--${long}[ =]`).test(all) &&
        !(short !== undefined && new RegExp(` -[a-zA-Z]*${short}`).test(all)),
    );
    expect(missing.map(({ long }) => long)).toEqual(["pull", "mac-address"]);
  });

  it.each(CASES)("is docker's own for: $words $command", async (one) => {
    const line = [...split(one.words), IMAGE, ...(one.command ?? [])];
    const ours = await recorder.sealmount(line);
    if (compareApi(recorder.api, one.since ?? "1.0") < 0) {
      expect(ours).toMatchObject({ recorded: undefined, error: { code: "DOCKER_TOO_OLD" } });
      return;
    }
    const theirs = await recorder.docker(one.verb ?? "run", line);
    for (const outcome of [theirs, ours]) {
      expect(outcome).toMatchObject({ recorded: { url: expect.any(String) as string } });
    }
    const known = knownDifference(one);
    // a difference that is gone has no place in the table any more
    if (known !== undefined) expect(normal(ours)).not.toEqual(normal(theirs));
    expect(normal(ours, known)).toEqual(normal(theirs, known));
  });

  it("sends an old engine the MAC address as its own client of that time did", async () => {
    const address = "02:42:ac:11:00:02";
    const ours = await recorder.sealmount(["--mac-address", address, IMAGE]);
    if (compareApi(recorder.api, "1.44") < 0) {
      expect(ours).toMatchObject({ recorded: { body: { MacAddress: address } } });
      return;
    }
    const theirs = await recorder.docker("run", ["--mac-address", address, IMAGE]);
    expect(normal(ours)).toEqual(normal(theirs));
  });
});

function knownDifference({ differs }: Case): string | undefined {
  const [path, , before = Infinity] = differs ?? [];
  return client < before ? path : undefined;
}

describe("what docker's client refuses", () => {
  it.each(REFUSED)("is refused before any call: %s", async (words) => {
    const line = [...split(words), ...(words === "--name" ? [] : [IMAGE])];
    const theirs = await recorder.docker("run", line);
    expect(theirs.recorded).toBeUndefined();
    const ours = await recorder.sealmount(line);
    expect(ours).toMatchObject({ recorded: undefined, calls: 0 });
    expect(ours.error).toMatchObject({ code: expect.stringMatching(/^USAGE/) as string });
  });
});

describe("what only the engine refuses", () => {
  it.each(STRICTER)("is refused before any call: %s", async (words) => {
    const line = [...split(words), IMAGE];
    const real = await dockerCli(["create", ...line]);
    // were it ever taken, the table would be wrong, and a container left behind
    if (real.code === 0) await dockerCli(["rm", "-v", real.stdout.trim()]);
    expect(real.code).not.toBe(0);
    const ours = await recorder.sealmount(line);
    expect(ours).toMatchObject({ recorded: undefined, calls: 0, error: { code: "USAGE" } });
  });
});

/** Words of a line; `'` keeps spaces and commas together, as in a shell. */
function split(line: string): string[] {
  const words = line.match(/(?:'[^']*'|[^' ])+/g) ?? [];
  return words.map((word) => word.replaceAll("'", ""));
}
