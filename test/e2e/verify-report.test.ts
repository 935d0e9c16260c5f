import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerCli, dockerOut, testEngine } from "../engine/current.ts";
import { dockerEnvironment } from "../engine/engine.ts";
import { canary, leaksIn } from "../support/canary.ts";
import type { VerifyReport } from "../../src/verify/model.ts";
import { sealmount, sealmountOnTerminal, sealmountOut } from "../support/cli.ts";
import { parseJson } from "../support/json.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { faultsOf } from "../unit/verify/report/sarif-form.ts";

/** `sealmount verify`: its reports, options and exit codes, on a real engine. */

const IMAGE = `smtest-report-${process.pid}`;
const LEAKY = `${IMAGE}-leaky`;
const PACKED = `${IMAGE}-packed`;
const secrets = { token: canary("token"), label: canary("label") };

let world: World;
let at: { readonly cwd: string; readonly env: Readonly<Record<string, string>> };

async function make(tag: string, ...lines: string[]): Promise<void> {
  await writeFile(
    join(world.cwd, "Dockerfile"),
    `${["FROM busybox:local", ...lines].join("\n")}\n`,
  );
  const own = ["--no-cache", "--allow-plaintext"];
  await sealmountOut(["build", "-q", ...own, "-t", tag, "."], at);
}

beforeAll(async () => {
  world = await makeWorld();
  at = {
    cwd: world.cwd,
    env: { ...world.env, ...(await dockerEnvironment(testEngine(), world.root)) },
  };
  await sealmountOut(["init", "--app", "cats"], at);
  await sealmountOut(["set", "token", "--build", "--stdin"], { ...at, stdin: secrets.token });
  await sealmountOut(["set", "LABEL", "--stdin"], { ...at, stdin: secrets.label });
  const mount = "RUN --mount=type=secret,id=token";
  await make(IMAGE, `${mount} wc -c < /run/secrets/token > /length`);
  const copies = `${mount} mkdir /app && cp /run/secrets/token "/app/a&b" && base64 /run/secrets/token > /app/b64`;
  await make(LEAKY, copies, "RUN rm /app/b64", `LABEL org.example.key='${secrets.label}'`);
  await make(PACKED, String.raw`RUN printf '7z\274\257\047\034\000\004abcdefgh' > /a.7z`);
});

afterAll(async () => {
  await dockerCli(["rmi", "-f", IMAGE, LEAKY, PACKED]);
  await world[Symbol.asyncDispose]();
});

describe("verify", () => {
  it("IT12: writes SARIF, JUnit, JSON and text beside the terminal's report, whole and without a value", async () => {
    const outputs = ["leaks.sarif", "leaks.xml", "leaks.json", "leaks.txt"];
    const ran = await sealmount(["verify", ...outputs.flatMap((name) => ["-o", name]), LEAKY], at);
    expect(ran.code).toBe(8);
    expect(ran.stdout).toContain("leak: build/token in 2 places\n");
    expect(ran.stdout).toMatch(/^ {2}\/app\/b64 in layer 2 \(.*deleted by a later layer: base64/mu);
    expect(ran.stdout).toContain("mend: change build/token at its issuer");
    const files = await Promise.all(outputs.map((name) => readFile(join(world.cwd, name))));
    const [sarif = "", junit = "", json = "", text = ""] = files.map(String);
    expect(text).toBe(ran.stdout);
    expect(faultsOf(JSON.parse(sarif))).toEqual([]);
    expect(sarif).toContain('"uri": "app/a%26b"');
    expect(junit).toContain('<testcase name="build/token in /app/a&amp;b" classname="layer 2/3');
    expect(JSON.parse(json)).toMatchObject({ verdict: "leak", unseen: [] });
    expect(leaksIn(Buffer.concat([ran.bytes, ...files]), Object.values(secrets))).toEqual([]);
    const left = (await readdir(world.cwd)).filter((name) => name.endsWith(".tmp"));
    expect(left).toEqual([]);
  });

  it.each(["sarif", "junit", "json", "text"])("has %s alone on stdout", async (format) => {
    const ran = await sealmount(["verify", "--format", format, LEAKY], at);
    expect(ran.code).toBe(8);
    if (format === "junit") expect(ran.stdout).toMatch(/^<\?xml[^]*<\/testsuites>\n$/u);
    else if (format !== "text") expect(() => JSON.parse(ran.stdout) as unknown).not.toThrow();
    expect(ran.stderr.includes(": LEAK, ")).toBe(format !== "text");
    expect(ran.stderr).toContain("[LEAK_FOUND]");
    expect(leaksIn(ran.bytes, Object.values(secrets))).toEqual([]);
  });

  it("has colours on a terminal, none without it or with NO_COLOR", async () => {
    const red = "\u001b[1;31mLEAK";
    const shown = await sealmountOnTerminal(["verify", LEAKY], at);
    expect(shown.stdout).toContain(red);
    const plain = { ...at, env: { ...at.env, NO_COLOR: "1" } };
    const silent = await sealmountOnTerminal(["verify", LEAKY], plain);
    expect(silent.stdout).toContain("LEAK, ");
    expect(silent.stdout).not.toContain(red);
    const piped = await sealmount(["verify", LEAKY], at);
    expect(piped.stdout + piped.stderr).not.toContain("\u001b");
    expect(leaksIn(shown.bytes, Object.values(secrets))).toEqual([]);
  });

  it("RI18: a clean image is exit 0, also with --strict; one with a file that nobody can unpack is not", async () => {
    const clean = await sealmount(["verify", "--strict", IMAGE], at);
    expect(clean.stdout).toMatch(/: clean; searched 2 layers[^\n]* of 2 secrets\n/u);
    expect(clean.code).toBe(0);
    const lax = await sealmount(["verify", PACKED], at);
    expect(lax.stdout).toMatch(/^not unpacked: \/a\.7z in layer 2 /mu);
    expect(lax.code).toBe(0);
    const strict = await sealmount(["verify", "--strict", "--json", "-o", "p.xml", PACKED], at);
    expect(strict.code).toBe(9);
    expect(JSON.parse(strict.stderr)).toMatchObject({ error: { code: "UNPROVED" } });
    expect(JSON.parse(strict.stdout)).toMatchObject({
      verdict: "unproved",
      members: { unseen: 1 },
    });
    expect(await readFile(join(world.cwd, "p.xml"), "utf8")).toContain("<failure message=");
  });

  it("finds the same by the way that --route names, and says which it was", async () => {
    const byAuto = await sealmount(["verify", "--json", "--no-cache", LEAKY], at);
    const words = ["--no-cache", "--route", "save"];
    const bySave = await sealmount(["verify", "--json", ...words, LEAKY], at);
    const [auto, save] = [byAuto, bySave].map(({ stdout }) => parseJson<VerifyReport>(stdout));
    expect(save?.route).toEqual({ name: "save", skipped: [] });
    expect(save?.findings).toEqual(auto?.findings);
    expect(save?.layers).toEqual(auto?.layers);
    expect(save?.findings.length).toBeGreaterThan(2);
  });

  it("says which layers an earlier verdict vouches for; with --no-cache, none", async () => {
    await sealmount(["verify", IMAGE], at);
    const again = await sealmount(["verify", IMAGE], at);
    const anew = await sealmount(["verify", "--no-cache", IMAGE], at);
    expect(again.stdout).toMatch(/searched 2 layers \(2 by an earlier verdict\), /u);
    expect(anew.stdout).toMatch(/searched 2 layers, /u);
    expect(again.stdout).toMatch(/^layer 1\/2 .* nothing found before/mu);
  });

  it("--container searches a container's own files and settings, --with-image its image too", async () => {
    const name = `${IMAGE}-container`;
    const words = ["--name", name, "--network", "none", "-e", `LABEL=${secrets.label}`];
    await dockerOut(["create", ...words, LEAKY, "true"], at);
    try {
      const own = await sealmount(["verify", "--container", name], at);
      expect(own.code).toBe(8);
      expect(own.stdout).toContain("leak: common/LABEL in ");
      expect(own.stdout).not.toContain("leak: build/token");
      expect(own.stdout).toContain("give the container this value by sealmount run --env-hidden");
      const both = await sealmount(["verify", "--container", name, "--with-image"], at);
      expect(both.code).toBe(8);
      expect(both.stdout).toContain("leak: build/token in 2 places");
      expect(leaksIn(Buffer.concat([own.bytes, both.bytes]), Object.values(secrets))).toEqual([]);
    } finally {
      await dockerCli(["rm", "-f", name]);
    }
  });

  it("--build-history finds an argument that the image has not", async () => {
    const args = ["--build-arg", `MARK=${secrets.label}`, "--build-arg", "BUILDKIT_INLINE_CACHE=0"];
    await writeFile(join(world.cwd, "Dockerfile"), "FROM busybox:local\nRUN true\n");
    await dockerOut(["build", "-q", ...args, "-t", `${IMAGE}-record`, "."], at);
    const ran = await sealmount(["verify", "--json", "--build-history", `${IMAGE}-record`], at);
    await dockerCli(["rmi", "-f", `${IMAGE}-record`]);
    const report = parseJson<VerifyReport>(ran.stdout);
    const isFound = report.findings.some(({ where }) => where === "build-record");
    // engines before 24 keep no records, and say so
    expect(isFound || report.limits.some((limit) => limit.includes("record"))).toBe(true);
    expect(leaksIn(ran.bytes, Object.values(secrets))).toEqual([]);
  });
});
