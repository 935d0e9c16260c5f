import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { VerifyReport } from "../../../src/verify/model.ts";
import type { SarifLog } from "../../../src/verify/report/sarif.ts";
import { canary, leaksIn } from "../../support/canary.ts";
import { parseJson } from "../../support/json.ts";
import { makeWorld, type World } from "../../support/temp.ts";
import { type ImageOptions, ociArchive, tar } from "../verify/archives.ts";
import { faultsOf } from "../verify/report/sarif-form.ts";
import { call, type Called } from "./in-process.ts";

let world: World;
let value: string;

beforeEach(async () => {
  world = await makeWorld();
  value = canary();
  await call(world, ["init", "--app", "cats"]);
  await seal("KEY", value);
});
afterEach(() => world[Symbol.asyncDispose]());

async function seal(name: string, stdin: string): Promise<void> {
  const { code, stderr } = await call(world, ["set", name, "--env", "prod", "--stdin"], { stdin });
  expect([code, stderr]).toEqual([0, expect.any(String)]);
}

async function verify(...args: readonly string[]): Promise<Called> {
  return call(world, ["verify", "--env", "prod", ...args]);
}

const read = (name: string): Promise<string> => readFile(join(world.cwd, name), "utf8");

/** The attributes of all elements, as Python's parser reads them; throws where it is no XML. */
function attributesOf(xml: string): string {
  const program =
    "import sys, xml.dom.minidom as m; d = m.parseString(sys.stdin.buffer.read());" +
    "print([dict(e.attributes.items()) for e in d.getElementsByTagName('*')])";
  return execFileSync("python3", ["-c", program], { input: xml, encoding: "utf8" });
}

const OUTPUTS = ["r.json", "r.sarif", "r.xml", "r.txt"] as const;

/** All forms of the report of an image, in the order of {@link OUTPUTS}, and what the terminal got. */
async function reportsOf(image: ImageOptions): Promise<readonly string[]> {
  await world.write("cats.tar", await ociArchive(image));
  const outputs = OUTPUTS.flatMap((name) => ["-o", name]);
  const { stdout, stderr } = await verify(...outputs, "cats.tar");
  return [...(await Promise.all(OUTPUTS.map(read))), stdout + stderr];
}

/** Every place of an image whose name or text a report shows, with the value in it. */
async function imagesWith(token: string): Promise<Readonly<Record<string, ImageOptions>>> {
  const base64 = Buffer.from(`x${token}y`).toString("base64");
  const broken = base64.replaceAll(/.{40}/gu, "$&\n");
  const inner = await tar({ [`${token}/a`]: token, [`${base64}/b`]: "PK\u0003\u0004", c: token });
  const leak = { a: token };
  return {
    "file names": { layers: [{ [`a/${token}`]: "", [`b/${base64}`]: "", [`c/${broken}`]: "" }] },
    "names of members": { layers: [{ [`${token}.tar`]: inner }] },
    "an instruction": { layers: [leak], history: [{ created_by: `RUN x ${token} ${base64}` }] },
    "broken base64": { layers: [leak], history: [{ created_by: `RUN <<X\n${broken}\nX` }] },
    "variables and labels": {
      layers: [],
      config: { Env: [token, `${token}=1`], Labels: { [token]: "", a: token } },
    },
    annotations: { layers: [], annotations: { [token]: token } },
    attestations: { layers: [], attestations: [{ [token]: { [base64]: token } }] },
    platforms: {
      layers: [leak],
      architecture: token,
      elsewhere: [{ digest: "sha256:0", platform: { os: token, architecture: base64 } }],
    },
    "digests that are none": { layers: [], elsewhere: [{ digest: token }] },
  };
}

describe("the reports of verify", () => {
  it("IT12: have no form of a value in them, wherever in an image it stands", async () => {
    for (const [place, image] of Object.entries(await imagesWith(value))) {
      const reports = await reportsOf(image);
      for (const [i, text] of reports.entries()) {
        const joined = text.replaceAll(/\\n|&#10;|\s|\\x0a/gu, "");
        expect([place, i, leaksIn(text, [value])]).toEqual([place, i, []]);
        expect([place, i, leaksIn(joined, [value])]).toEqual([place, i, []]);
      }
      const [json = "", sarif = ""] = reports;
      expect(parseJson<{ verdict: string }>(json).verdict).toBe("leak");
      expect(faultsOf(JSON.parse(sarif))).toEqual([]);
    }
  });

  it("IT12: also not by the name of the archive, or a name for a registry", async () => {
    await seal("TOKEN", "archive-7fd0b3a2c91e");
    await world.write(
      "archive-7fd0b3a2c91e/cats.tar",
      await ociArchive({ layers: [{ a: value }] }),
    );
    const ran = await verify(
      "-o",
      "r.json",
      "-o",
      "r.sarif",
      "-o",
      "r.xml",
      "archive-7fd0b3a2c91e/cats.tar",
    );
    const files = await Promise.all(["r.json", "r.sarif", "r.xml"].map(read));
    expect(ran.code).toBe(8);
    expect([ran.stdout, ran.stderr, ...files].join("")).not.toContain("7fd0b3a2c91e");
    const login = await verify("docker://user:archive-7fd0b3a2c91e@host.example/cats");
    expect(login.code).toBe(2);
    expect(login.stdout + login.stderr).not.toContain("7fd0b3a2c91e");
  });

  it("keep their form and their numbers when a secret is a few digits or a word of ours", async () => {
    await seal("PIN", "4096");
    await seal("WORD", "layer");
    const image = { layers: [{ a: Buffer.concat([Buffer.alloc(4096), Buffer.from(value)]) }] };
    const [json = "", sarif = "", junit = ""] = await reportsOf(image);
    const { stdout } = await verify("--json", "cats.tar");
    expect(stdout).toBe(json);
    const report = parseJson<VerifyReport>(json);
    expect(report.findings).toMatchObject([{ where: "layer", path: "/a", offset: 4096 }]);
    expect(report.configs[0]).toMatch(/^sha256:[0-9a-f]{64}$/u);
    expect(faultsOf(JSON.parse(sarif))).toEqual([]);
    expect(junit).toContain("at byte 4096,");
  });

  it("no name can add a line to a report, steer a terminal, or break a form", async () => {
    const evil = "x\n::error::cats: clean\r\t\u001b[2J\u202e\u200f\u2028]]>&\"'<";
    const image = {
      layers: [{ [`dir/${evil}`]: value }],
      config: { Labels: { [evil]: value } },
      history: [{ created_by: `RUN a\n${evil}` }],
    };
    const [json = "", sarif = "", junit = "", text = "", shown = ""] = await reportsOf(image);
    for (const line of [...text.split("\n"), ...shown.split("\n")]) {
      expect(line).toMatch(/^(?:layer |leak: | {2}|cats\.tar: |written: |sealmount: |$)/u);
      // oxlint-disable-next-line no-control-regex -- that there are none is the point
      expect(line).toMatch(/^[^\u0000-\u001f\u007f-\u009f\u200f\u2028-\u202e]*$/u);
    }
    expect(parseJson<VerifyReport>(json).findings[0]?.path).toContain("x\\x0a::error::");
    const { runs } = parseJson<SarifLog>(sarif);
    expect(faultsOf({ runs, version: "2.1.0" })).toEqual([]);
    expect(attributesOf(junit)).toContain("::error::cats: clean");
  });
});

describe("the exit code of verify", () => {
  const PACKED = { "a.7z": "7z\u00bc\u00af\u0027\u001c\0\u0004abcdefgh" };

  it.each([
    ["clean", 0, { a: "1" }, []],
    ["a leak", 8, { leak: "" }, []],
    ["a leak beside what can't be proved", 8, { leak: "", ...PACKED }, ["--strict"]],
    ["what can't be proved", 0, PACKED, []],
    ["what can't be proved, strictly", 9, PACKED, ["--strict"]],
  ])("%s: %i", async (_, code, files, options) => {
    const packed = Buffer.from(PACKED["a.7z"], "latin1");
    const layer = Object.fromEntries(
      Object.keys(files).map((name) => [name, { leak: value, "a.7z": packed }[name] ?? "1"]),
    );
    await world.write("cats.tar", await ociArchive({ layers: [layer] }));
    expect(await verify(...options, "cats.tar")).toMatchObject({ code });
  });

  it.each([
    ["a leak", 8, "LEAK_FOUND"],
    ["clean", 6, "IMAGE_UNREADABLE"],
  ])("%s in an archive that is cut off: %i", async (what, code, name) => {
    await seal("PIN", "8812");
    const archive = await ociArchive({
      layers: [{ a: what === "clean" ? "1" : value }, { b: "" }],
    });
    await world.write("cats.tar", archive.subarray(0, -4096));
    const ran = await verify("--strict", "cats.tar");
    expect(ran.code).toBe(code);
    expect(ran.stderr).toContain(`[${name}]`);
  });

  it.each([
    ["a leak", 8, "LEAK_FOUND"],
    ["clean", 2, "USAGE"],
  ])("%s, on a full disk: %i, and the report is where it can be", async (what, code, name) => {
    await world.write(
      "cats.tar",
      await ociArchive({ layers: [{ a: what === "clean" ? "1" : value }] }),
    );
    const ran = await verify("-o", "/dev/full", "-o", "r.json", "cats.tar");
    expect(ran.code).toBe(code);
    expect(ran.stdout).toContain("cats.tar: ");
    expect(ran.stderr).toContain("/dev/full: the report can't be written (ENOSPC)");
    expect(ran.stderr).toContain(`[${name}]`);
    expect(parseJson<VerifyReport>(await read("r.json")).image).toBe("cats.tar");
  });
});
