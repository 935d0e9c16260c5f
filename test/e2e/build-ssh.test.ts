import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, it, onTestFinished } from "vitest";

import { sshSockets } from "../../src/session/ssh/sockets.ts";
import { sshService } from "../../src/session/ssh/service.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { BASE, until } from "./build-harness.ts";
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
  expect(await until(isThere, 5_000)).toBe(true);
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
  const sockets = await sshSockets(["default"], { env: { SSH_AUTH_SOCK: socket }, cwd: world.cwd });
  const nc = await hasNc();
  const blob = Buffer.from(key.split(" ")[1] ?? "", "base64").toString("hex");
  const list = nc ? `echo list=$(${ask("\\000\\000\\000\\001\\013")})` : "test -S $SSH_AUTH_SOCK";
  const wipe = nc ? `echo wipe=$(${ask("\\000\\000\\000\\001\\023")})` : "true";
  const dockerfile = `FROM ${BASE}\nRUN --mount=type=ssh ${list} && ${wipe} # ${Date.now()}\n`;
  const { error, said } = await sessionBuild({ dockerfile, services: [sshService(sockets)] });
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
