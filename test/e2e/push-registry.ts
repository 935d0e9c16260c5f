/** The reference registry, from Debian's package docker-registry, with one login. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import { makeWorld } from "../support/temp.ts";

const run = promisify(execFile);

export interface PushRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`: engines speak plain http to loopback. */
  readonly host: string;
  readonly username: string;
  /** The digest of a tag's manifest; null when there is none. */
  digest(name: string, tag: string): Promise<string | null>;
}

const MANIFESTS = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
].join(", ");

/** Starts it on a free port; everything it stored is gone when it is disposed. */
export async function pushRegistry(password: string): Promise<PushRegistry> {
  const script = join(import.meta.dirname, "..", "engine", "registry.sh");
  const binary = (await run("bash", [script])).stdout.trim();
  const world = await makeWorld();
  const username = "bot";
  await world.write("htpasswd", `${username}:${await bcrypt(password)}\n`);
  const config = {
    version: 0.1,
    log: { level: "info", formatter: "json" },
    storage: { filesystem: { rootdirectory: join(world.root, "data") } },
    http: { addr: "127.0.0.1:0" },
    auth: { htpasswd: { realm: "smtest", path: join(world.cwd, "htpasswd") } },
  };
  // JSON is YAML
  const file = await world.write("config.yml", JSON.stringify(config));
  const child = spawn(binary, ["serve", file], { env: {}, stdio: ["ignore", "ignore", "pipe"] });
  const host = await addressIn(child.stderr);
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  return {
    host,
    username,
    async digest(name, tag) {
      const headers = { authorization, accept: MANIFESTS };
      const answer = await fetch(`http://${host}/v2/${name}/manifests/${tag}`, { headers });
      return answer.ok ? answer.headers.get("docker-content-digest") : null;
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
      await rm(world.root, { recursive: true });
    },
  };
}

/** The registry knows no other hash; perl is part of every Debian, and its crypt() knows it. */
async function bcrypt(password: string): Promise<string> {
  const script = 'chomp(my $p = <STDIN>); print crypt($p, "\\$2y\\$04\\$abcdefghijklmnopqrstuu")';
  const child = run("perl", ["-e", script]);
  child.child.stdin?.end(`${password}\n`);
  return (await child).stdout;
}

async function addressIn(log: NodeJS.ReadableStream): Promise<string> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: log })) {
    lines.push(line);
    const host = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (host === undefined) continue;
    log.resume();
    return host;
  }
  throw new Error(`the registry did not start: ${lines.join("\n")}`);
}
