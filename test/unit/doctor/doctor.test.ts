import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";

import { formatPrivateKey, newKeyPair } from "../../../src/crypto/keypair.ts";
import type { KeyPair } from "../../../src/crypto/keypair.ts";
import { doctor } from "../../../src/doctor/doctor.ts";
import type { DoctorLine } from "../../../src/doctor/model.ts";
import { DockerError } from "../../../src/errors.ts";
import { makeWorld } from "../../support/temp.ts";
import type { World } from "../../support/temp.ts";

let mine: KeyPair;
let other: KeyPair;
beforeAll(async () => {
  [mine, other] = [await newKeyPair(), await newKeyPair()];
});

function textOf(pair: KeyPair): string {
  using text = formatPrivateKey(pair.privateKey);
  return text.use((bytes) => bytes.toString());
}

async function lookAt(world: World, env: Record<string, string> = {}): Promise<DoctorLine[]> {
  return doctor({
    env: { ...world.env, ...env },
    home: world.home,
    cwd: world.cwd,
    connect: async () => {
      throw new DockerError("DOCKER_UNREACHABLE", "no docker engine answers", { hint: "start it" });
    },
  });
}

function find(lines: readonly DoctorLine[], name: string): DoctorLine | undefined {
  return lines.find((line) => line.name === name);
}

const manifest = (keys = ""): string =>
  `[seal]\napp = "cats"\npublic_key = "${mine.publicKey.text}"\n${keys}\n[env.common]\nA = "1"\n`;

describe("doctor without an engine", () => {
  it("goes on after each failure, and gives a fix and a code", async () => {
    await using world = await makeWorld();
    const lines = await lookAt(world);
    expect(find(lines, "manifest")).toMatchObject({ status: "warn", fix: "sealmount init" });
    expect(find(lines, "engine")).toEqual({
      name: "engine",
      status: "fail",
      detail: "no docker engine answers",
      fix: "start it",
      code: "DOCKER_UNREACHABLE",
    });
    expect(find(lines, "leftovers")).toBeDefined();
  });

  it("RI4: proves that the key opens what the manifest's public key seals", async () => {
    await using world = await makeWorld();
    await world.write("iterapp.toml", manifest());
    const key = textOf(mine);
    const lines = await lookAt(world, { SEALMOUNT_KEY: key });
    expect(find(lines, "manifest")).toMatchObject({ status: "ok" });
    expect(find(lines, "key default")).toEqual({
      name: "key default",
      status: "ok",
      detail: `${mine.publicKey.fingerprint} from SEALMOUNT_KEY opens a test box`,
    });
    expect(JSON.stringify(lines)).not.toContain(key);
  });

  it("RI4: tells that a key is not the manifest's, scope by scope", async () => {
    await using world = await makeWorld();
    await world.write("iterapp.toml", manifest(`[seal.keys]\nprod = "${other.publicKey.text}"`));
    const lines = await lookAt(world, { SEALMOUNT_KEY: textOf(mine) });
    expect(find(lines, "key default")?.status).toBe("ok");
    expect(find(lines, "key prod")).toMatchObject({ status: "warn", fix: "sealmount key import" });
    const wrong = await lookAt(world, { SEALMOUNT_KEY: textOf(other) });
    expect(find(wrong, "key default")?.status).toBe("warn");
  });

  it("RI4: names all places when there is no key", async () => {
    await using world = await makeWorld();
    await world.write("iterapp.toml", manifest());
    const line = find(await lookAt(world), "key");
    expect(line).toMatchObject({ status: "fail", code: "KEY_NOT_FOUND" });
    expect(line?.detail).toContain("SEALMOUNT_KEY_FILE");
  });

  it("RI4: finds key files that others can read", async () => {
    await using world = await makeWorld();
    await world.write("iterapp.toml", manifest());
    const folder = join(world.home, ".config", "sealmount", "keys");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, "cats.key");
    await writeFile(path, `${textOf(mine)}\n`);
    await chmod(path, 0o644);
    const lines = await lookAt(world);
    expect(find(lines, "key files")).toMatchObject({ status: "fail", code: "KEY_FILE_MODE" });
    expect(find(lines, "key")).toMatchObject({ status: "fail", code: "KEY_FILE_MODE" });
    await chmod(path, 0o600);
    const mended = await lookAt(world);
    expect(find(mended, "key files")).toMatchObject({ status: "ok", detail: "1 usable" });
    expect(find(mended, "key default")?.status).toBe("ok");
  });

  it("reports every problem of a manifest with its place, and none of its text", async () => {
    await using world = await makeWorld();
    await world.write("iterapp.toml", '[env.common]\nA-B = "canary-11"\nC = { encrypted = 1 }\n');
    const lines = (await lookAt(world)).filter(({ name }) => name === "manifest");
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.every(({ status, code }) => status === "fail" && code !== undefined)).toBe(true);
    expect(lines[0]?.detail).toMatch(/^iterapp\.toml:2:\d+: /);
    expect(JSON.stringify(lines)).not.toContain("canary-11");
  });
});
