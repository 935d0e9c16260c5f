import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { describe, expect, it, onTestFinished } from "vitest";

import { bytesOf, readFields, writeFields } from "../../../src/session/protobuf.ts";
import { isEncrypted } from "../../../src/session/ssh/key-agent.ts";
import { sshService } from "../../../src/session/ssh/service.ts";
import { sshAgents } from "../../../src/session/ssh/sockets.ts";
import { makeWorld, type World } from "../../support/temp.ts";
import { call } from "./grpc-client.ts";
import { Conversation, served } from "./served.ts";

const CHECK = "/moby.sshforward.v1.SSH/CheckAgent";
const FORWARD = "/moby.sshforward.v1.SSH/ForwardAgent";
const LIST = Buffer.from([0, 0, 0, 1, 11]);
const FAILURE = "0000000105";

const run = promisify(execFile);

async function world(): Promise<World> {
  const made = await makeWorld();
  onTestFinished(async () => made[Symbol.asyncDispose]());
  return made;
}

/** A real agent with a key; its socket, and the key's public part. */
async function agent({
  root,
  env,
}: World): Promise<{ readonly socket: string; readonly key: Buffer }> {
  const socket = join(root, "agent.sock");
  const child = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  onTestFinished(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  while (
    !(await access(socket).then(
      () => true,
      () => false,
    ))
  )
    await sleep(5);
  const file = join(root, "id");
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
  await run("ssh-add", ["-q", file], { env: { ...env, SSH_AUTH_SOCK: socket } });
  const { stdout } = await run("ssh-add", ["-L"], { env: { ...env, SSH_AUTH_SOCK: socket } });
  return { socket, key: Buffer.from(stdout.split(" ")[1] ?? "", "base64") };
}

function text(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function message(...parts: readonly Buffer[]): Buffer {
  return text(Buffer.concat(parts));
}

async function ask(conversation: Conversation, request: Buffer): Promise<Buffer> {
  conversation.send(writeFields([[1, request]]));
  const [field] = readFields(await conversation.next());
  return bytesOf(field?.value ?? 0);
}

describe("a real agent", () => {
  it("lists keys and signs, however the bytes are cut", async () => {
    const { socket, key } = await agent(await world());
    const talk = new Conversation(served(sshService(new Map([["default", socket]]))), FORWARD);
    expect((await ask(talk, LIST)).includes(key)).toBe(true);
    // SSH_AGENTC_SIGN_REQUEST, answered by SSH_AGENT_SIGN_RESPONSE
    const sign = message(Buffer.from([13]), text(key), text(Buffer.from("data")), Buffer.alloc(4));
    for (const byte of sign.subarray(0, -1)) talk.send(writeFields([[1, Buffer.from([byte])]]));
    expect((await ask(talk, sign.subarray(-1))).readUInt8(4)).toBe(14);
    talk.stream.end();
    expect(await talk.status()).toEqual({ status: "0", message: "" });
  });

  it.each([
    ["add a key", 17],
    ["remove a key", 18],
    ["remove all keys", 19],
    ["lock the agent", 22],
    ["add a key for a time", 25],
    ["use an extension", 27],
    ["list keys of the first protocol", 1],
  ])("a step can't %s", async (_what, type) => {
    const { socket, key } = await agent(await world());
    const services = sshService(new Map([["work", socket]]));
    const talk = new Conversation(served(services), FORWARD, { "buildkit.ssh.id": "work" });
    expect((await ask(talk, message(Buffer.from([type]), text(key)))).toString("hex")).toBe(
      FAILURE,
    );
    // both in one piece: the answers come in order
    talk.send(writeFields([[1, Buffer.concat([message(Buffer.from([type])), LIST])]]));
    const answers = [await talk.next(), await talk.next()].map((bytes) => bytes.subarray(2));
    expect(answers[0]?.toString("hex")).toBe(FAILURE);
    expect(answers[1]?.includes(key)).toBe(true);
  });
});

describe("what is not an agent", () => {
  it("an id that is not forwarded is not found", async () => {
    const client = served(sshService(new Map([["work", "/nowhere"]])));
    expect((await call(client, CHECK, { body: writeFields([[1, "other"]]) })).status).toBe("5");
    // no id means `default`, which is not there either
    expect((await call(client, CHECK)).status).toBe("5");
    expect((await call(client, CHECK, { body: writeFields([[1, "work"]]) })).status).toBe("0");
    expect((await new Conversation(client, FORWARD).status()).status).toBe("5");
  });

  it("a socket without an agent is a status, without its path", async () => {
    const { root } = await world();
    const client = served(sshService(new Map([["default", join(root, "none.sock")]])));
    expect(await new Conversation(client, FORWARD).status()).toEqual({
      status: "9",
      message: "no ssh agent answers",
    });
  });

  it.each([
    ["an over-long answer", Buffer.from([0x7f, 0, 0, 0]), /the limit is 262144/],
    ["an end without an answer", Buffer.alloc(0), /closed the connection/],
    ["half an answer", Buffer.from([0, 0, 0, 9, 1]), /cut off/],
  ])("%s ends the call", async (_what, answer, expected) => {
    const { root } = await world();
    const socket = join(root, "odd.sock");
    const odd = createServer((one) => void one.once("data", () => one.end(answer)));
    odd.listen(socket);
    await once(odd, "listening");
    onTestFinished(() => void odd.close());
    const talk = new Conversation(served(sshService(new Map([["default", socket]]))), FORWARD);
    talk.send(writeFields([[1, LIST]]));
    expect((await talk.status()).message).toMatch(expected);
  });

  it.each([
    ["an empty message", Buffer.from([0, 0, 0, 0])],
    ["an over-long message", Buffer.from([0, 8, 0, 0, 11])],
  ])("%s from the step ends the call", async (_what, request) => {
    const { socket } = await agent(await world());
    const talk = new Conversation(served(sshService(new Map([["default", socket]]))), FORWARD);
    talk.send(writeFields([[1, request]]));
    expect((await talk.status()).status).toBe("9");
  });

  it("a step that is cancelled leaves no connection to the agent behind", async () => {
    const { root } = await world();
    const socket = join(root, "silent.sock");
    const silent = createServer();
    silent.listen(socket);
    await once(silent, "listening");
    onTestFinished(() => void silent.close());
    const talk = new Conversation(served(sshService(new Map([["default", socket]]))), FORWARD);
    const [connection] = (await once(silent, "connection")) as [Socket];
    connection.resume();
    const closed = once(connection, "close");
    talk.send(writeFields([[1, LIST]]));
    await once(connection, "data");
    talk.stream.destroy();
    await closed;
  });
});

describe("--ssh", () => {
  it.each([
    [["default"], { default: "agent.sock" }],
    [["default="], { default: "agent.sock" }],
    [["work=other.sock", "default"], { work: "other.sock", default: "agent.sock" }],
  ])("%j", async (options, expected) => {
    const { root } = await world();
    for (const name of ["agent.sock", "other.sock"]) {
      const server = createServer();
      server.listen(join(root, name));
      await once(server, "listening");
      onTestFinished(() => void server.close());
    }
    const env = { SSH_AUTH_SOCK: join(root, "agent.sock") };
    await using found = await sshAgents(options, { env, cwd: root });
    const wanted = Object.entries(expected).map(([id, name]) => [id, join(root, name)]);
    expect([...found.sockets]).toEqual(wanted);
  });

  it.each([
    [["default"], /SSH_AUTH_SOCK is not set/],
    [["default=missing.sock"], /nothing at that path/],
    [["default=id_ed25519"], /neither a private key nor/],
    [["default=."], /neither a socket nor a file/],
    [["default=id_ed25519,missing"], /nothing at that path/],
    [["a b=x"], /no usable id/],
    [["=x"], /no usable id/],
  ])("refuses %j", async (options, expected) => {
    const made = await world();
    await made.write("id_ed25519", "a private key");
    const { PATH } = process.env;
    const failure = sshAgents(options, { env: { PATH }, cwd: made.cwd });
    await expect(failure).rejects.toMatchObject({ code: "USAGE" });
    await expect(failure).rejects.toThrow(expected);
  });
});

describe("key files", () => {
  const { PATH } = process.env;

  async function key(cwd: string, ...options: readonly string[]): Promise<void> {
    await run("ssh-keygen", ["-q", "-f", join(cwd, "key"), ...options]);
  }

  it.each([
    ["ed25519", ["-t", "ed25519"]],
    ["rsa", ["-t", "rsa"]],
    ["PEM", ["-t", "ecdsa", "-m", "PEM"]],
    ["PKCS8", ["-t", "ecdsa", "-m", "PKCS8"]],
  ])(
    "%s: is loaded, or refused behind a passphrase, without a question",
    async (_name, options) => {
      const { cwd } = await world();
      await key(cwd, ...options, "-N", "");
      expect(isEncrypted(await readFile(join(cwd, "key")))).toBe(false);
      const o = { env: { PATH }, cwd };
      const found = await sshAgents(["x=key"], o);
      expect([...found.sockets.keys()]).toEqual(["x"]);
      const dir = dirname(found.sockets.get("x") ?? "");
      expect(await readdir(dir)).toEqual(["agent.sock"]);
      await found[Symbol.asyncDispose]();
      expect(await readdir(dir).catch(() => null)).toBeNull();

      await rm(join(cwd, "key"));
      await key(cwd, ...options, "-N", "canary-pass-4711");
      expect(isEncrypted(await readFile(join(cwd, "key")))).toBe(true);
      const refused = sshAgents(["x=key"], o);
      await expect(refused).rejects.toThrow("--ssh x: a key has a passphrase");
      await expect(refused).rejects.toMatchObject({ hint: expect.stringMatching(/ssh-add/) });
    },
  );

  it("OpenSSH's refusal, and its absence, are said", async () => {
    const made = await world();
    const { cwd } = made;
    await made.write("key", "-----BEGIN OPENSSH PRIVATE KEY-----\nbm9uc2Vuc2U=\n");
    const broken = sshAgents(["x=key"], { env: { PATH }, cwd });
    await expect(broken).rejects.toThrow("--ssh x: OpenSSH does not take a key");
    const absent = sshAgents(["x=key"], { env: { PATH: cwd }, cwd });
    await expect(absent).rejects.toThrow("--ssh x: key files need ssh-agent and ssh-add");
    await expect(absent).rejects.toMatchObject({ hint: expect.stringMatching(/openssh-client/) });
  });
});
