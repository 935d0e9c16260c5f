import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, chmod, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { expect, it, onTestFinished } from "vitest";

import { sshAgents } from "../../src/session/ssh/sockets.ts";
import { sshService } from "../../src/session/ssh/service.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { BASE, isRunning, until } from "./build-harness.ts";
import { sessionBuild } from "./session-build.ts";

const run = promisify(execFile);

/** A real agent with one new key; returns its socket and the key as `ssh-add -L` prints it. */
async function agent(world: World): Promise<{ readonly socket: string; readonly key: string }> {
  const socket = join(world.root, "agent.sock");
  const child = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  onTestFinished(async () => {
    child.kill();
    if (child.exitCode === null) await once(child, "exit");
  });
  const isThere = async (): Promise<boolean> =>
    access(socket).then(
      () => true,
      () => false,
    );
  expect(await until(isThere, 20_000)).toBe(true);
  const file = join(world.root, "id");
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "smtest", "-f", file]);
  const env = { ...world.env, SSH_AUTH_SOCK: socket };
  await run("ssh-add", ["-q", file], { env });
  return { socket, key: (await run("ssh-add", ["-L"], { env })).stdout.trim() };
}

/** Agent requests from busybox alone: bytes to the socket, the answer's bytes as hex. */
function ask(octal: string): string {
  // nc closes too early on end of input: it gets a second
  return `(printf '${octal}'; sleep 1) | nc local:$SSH_AUTH_SOCK | od -An -tx1 | tr -d ' \\n'`;
}

async function hasNc(): Promise<boolean> {
  const { error } = await sessionBuild({
    dockerfile: `FROM ${BASE}\nRUN nc 2>&1 | grep -q local:\n`,
  });
  return error === null;
}

it("a step lists the keys of the agent, and can't change them", async () => {
  await using world = await makeWorld();
  const { socket, key } = await agent(world);
  await using found = await sshAgents(["default"], {
    env: { SSH_AUTH_SOCK: socket },
    cwd: world.cwd,
  });
  const nc = await hasNc();
  const blob = Buffer.from(key.split(" ")[1] ?? "", "base64").toString("hex");
  const list = nc ? `echo list=$(${ask("\\000\\000\\000\\001\\013")})` : "test -S $SSH_AUTH_SOCK";
  const wipe = nc ? `echo wipe=$(${ask("\\000\\000\\000\\001\\023")})` : "true";
  const dockerfile = `FROM ${BASE}\nRUN --mount=type=ssh ${list} && ${wipe} # ${Date.now()}\n`;
  const { error, said } = await sessionBuild({ dockerfile, services: [sshService(found.sockets)] });
  expect(error).toBeNull();
  if (nc) {
    expect(said).toMatch(new RegExp(`list=[0-9a-f]{8}0c00000001[0-9a-f]{8}${blob}`));
    expect(said).toContain("wipe=0000000105");
  }
  const { stdout } = await run("ssh-add", ["-L"], { env: { ...world.env, SSH_AUTH_SOCK: socket } });
  expect(stdout.trim()).toBe(key);
});

it("an id that is not forwarded fails a required mount and leaves out an optional one", async () => {
  await using world = await makeWorld();
  const { socket } = await agent(world);
  const services = [sshService(new Map([["default", socket]]))];
  const step = (options: string): string =>
    `FROM ${BASE}\nRUN --mount=type=ssh,id=other${options} echo agent=$SSH_AUTH_SOCK ${Date.now()}\n`;
  const required = await sessionBuild({ dockerfile: step(",required=true"), services });
  expect(required.error).toMatch(/ssh/);
  const optional = await sessionBuild({ dockerfile: step(""), services });
  expect(optional.error).toBeNull();
});

it("key files go to an agent of the build's own, which ends with it", async () => {
  await using world = await makeWorld();
  const keys = ["id-one", "id-two"];
  for (const [index, name] of keys.entries()) {
    const type = index === 0 ? "ed25519" : "rsa";
    await run("ssh-keygen", ["-q", "-t", type, "-N", "", "-f", join(world.cwd, name)]);
    // the mode that ssh-add refuses, and docker does not
    await chmod(join(world.cwd, name), 0o644);
  }
  const found = await sshAgents([`default=${keys.join(",")}`], { env: world.env, cwd: world.cwd });
  const socket = found.sockets.get("default") ?? "";
  expect((await stat(dirname(socket))).mode & 0o777).toBe(0o700);
  const env = { ...world.env, SSH_AUTH_SOCK: socket };
  const { stdout } = await run("ssh-add", ["-L"], { env });
  const blobs = stdout
    .trim()
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  expect(blobs.length).toBe(2);

  const nc = await hasNc();
  const list = nc ? `echo list=$(${ask("\\000\\000\\000\\001\\013")})` : "test -S $SSH_AUTH_SOCK";
  const dockerfile = `FROM ${BASE}\nRUN --mount=type=ssh ${list} # ${Date.now()}\n`;
  const services = [sshService(found.sockets)];
  const { error, said } = await sessionBuild({ dockerfile, services });
  expect(error).toBeNull();
  for (const blob of nc ? blobs : [])
    expect(said).toContain(Buffer.from(blob, "base64").toString("hex"));

  await found[Symbol.asyncDispose]();
  expect(await stat(dirname(socket)).catch(() => null)).toBeNull();
  expect(await until(async () => !(await isRunning(socket)), 20_000)).toBe(true);
});
