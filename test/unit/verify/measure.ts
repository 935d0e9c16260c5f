/** Verifies an archive in a process of its own, as it is built, and tells what that took. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensureBuilt } from "../../../scripts/build.ts";

const run = promisify(execFile);

const DIST = join(import.meta.dirname, "..", "..", "..", "dist");

/** What came of it. */
export interface Measured {
  /** Their paths. */
  readonly findings: readonly string[];
  readonly unseen: readonly string[];
  readonly unread: readonly string[];
  readonly members: { readonly count: number; readonly bytes: number; readonly unseen: number };
  readonly needles: number;
  /** Most memory of the whole process, in 10^6 bytes. */
  readonly megabytes: number;
  /** Of all its threads. */
  readonly cpuSeconds: number;
}

/**
 * Not `maxRSS`, which begins with what the parent had when it made the process; nor a program in
 * TypeScript, which Node takes some 50 MB to read.
 */
const PROGRAM = `
  const { setFlagsFromString } = require("node:v8");
  // as the command line does, in src/cli/memory.ts
  const onProgress = (bytes) => {
    if (bytes >= 8 * 1024 * 1024) setFlagsFromString("--optimize-for-size");
  };
  const { randomBytes } = require("node:crypto");
  const { readFileSync } = require("node:fs");
  const [dist, path, value, others] = process.argv.slice(1);
  const load = async (name) => import("file://" + dist + "/" + name);
  (async () => {
    const { Secret } = await load("secret/secret.js");
    const { archiveFile } = await load("verify/sources/archive.js");
    const { verify } = await load("verify/verify.js");
    const secrets = [Secret.take("KEY", Buffer.from(value))];
    for (let i = 0; i < Number(others); i++) {
      secrets.push(Secret.take("OTHER" + i, Buffer.from(randomBytes(24).toString("base64"))));
    }
    const report = await verify(archiveFile(path), secrets, { onProgress }).report();
    const { userCPUTime, systemCPUTime } = process.resourceUsage();
    const peak = /^VmHWM:\\s+(\\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))[1];
    console.log(JSON.stringify({
      findings: report.findings.map(({ path }) => path),
      unseen: report.unseen.map(({ reason }) => reason),
      unread: report.unseenMembers.map(({ reason }) => reason),
      members: report.members,
      needles: report.needles,
      megabytes: (Number(peak) * 1024) / 1e6,
      cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    }));
  })();
`;

/** @param others - further secrets, with some 20 needles each */
export async function measureVerify(path: string, value: string, others = 0): Promise<Measured> {
  await ensureBuilt();
  const { stdout } = await run(process.execPath, ["-e", PROGRAM, DIST, path, value, `${others}`]);
  return JSON.parse(stdout) as Measured;
}
