import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { verdictOf } from "../../../../src/verify/model.ts";
import type { VerifyReport } from "../../../../src/verify/model.ts";
import { mergedFolder } from "../../../../src/verify/sources/merged.ts";
import { verify } from "../../../../src/verify/verify.ts";
import { makeWorld } from "../../../support/temp.ts";
import { secretsOf } from "../archives.ts";

const CANARY = `merged-${randomBytes(12).toString("hex")}`;

const verifyFolder = async (folder: string): Promise<VerifyReport> =>
  verify(mergedFolder(folder, "out"), secretsOf({ KEY: CANARY })).report();

describe("a folder of merged files", () => {
  it("is searched, links and pipes by their names alone", { timeout: 10_000 }, async () => {
    await using world = await makeWorld();
    await using elsewhere = await makeWorld();
    await elsewhere.write("outside", CANARY);
    await world.write("app/key", `a ${CANARY}`);
    await symlink(join(elsewhere.cwd, "outside"), join(world.cwd, "app/link"));
    await symlink(elsewhere.cwd, join(world.cwd, "folder"));
    await symlink(`/run/${CANARY}`, join(world.cwd, "app/broken"));
    execFileSync("mkfifo", [join(world.cwd, "app/pipe"), join(world.cwd, `app/${CANARY}`)]);
    const server = createServer().listen(join(world.cwd, "socket"));
    onTestFinished(() => void server.close());
    const report = await verifyFolder(world.cwd);
    expect(report.unseen).toEqual([]);
    const places = report.findings.map(({ part, path }) => [part, path]);
    expect(places).toContainEqual(["content", "/app/key"]);
    expect(places).toContainEqual(["link", "/app/broken"]);
    expect(places).toContainEqual(["name", "/app/***"]);
    expect(places).toHaveLength(3);
  });

  it("with a name that is no text proves nothing", async () => {
    await using world = await makeWorld();
    execFileSync("sh", ["-c", "echo 1 > \"$(printf 'a\\344b')\""], { cwd: world.cwd });
    expect(verdictOf(await verifyFolder(world.cwd))).toBe("incomplete");
  });
});
