/**
 * Docker's credential helpers: programs that keep logins in a key chain or fetch them from a cloud.
 *
 * @see https://github.com/docker/docker-credential-helpers#development
 */
import { DockerError, errnoOf, InterruptedError } from "../errors.ts";
import { Secret } from "../secret/secret.ts";
import { readHelperAnswer } from "./helper-answer.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** A key chain may ask its user for a password. */
const TIME_LIMIT_MS = 120_000;
/** A token of a cloud has a few KiB. */
const MAX_ANSWER_BYTES = 1024 * 1024;
/** What helpers print when they have no such login (docker-credential-helpers, credentials). */
const NOT_FOUND = "credentials not found in native keychain";
/** The name under which a helper keeps an identity token. */
const IDENTITY = "<token>";

/** How a helper is asked. */
export interface HelperOptions {
  readonly env: Env;
  readonly signal?: AbortSignal | undefined;
  /** Two minutes by default; then it is killed. */
  readonly timeLimitMs?: number | undefined;
}

/**
 * Asks `docker-credential-<name> get`.
 *
 * @returns null when the helper has no such login; an empty user name means an identity token
 * @throws {@link DockerError} REGISTRY_LOGIN when the helper is missing, fails, or prints no login
 */
export async function askHelper(
  name: string,
  server: string,
  o: HelperOptions,
): Promise<{ readonly username: string; readonly secret: Secret } | null> {
  if (!/^[\w.-]+$/.test(name)) {
    throw unusable("docker's config.json names a credential helper with an impossible name");
  }
  const program = `docker-credential-${name}`;
  const { code, stdout, isLate } = await ask(program, server, o);
  try {
    if (isLate) throw tooSlow(program);
    if (code === 0) {
      const answer = readHelperAnswer(stdout);
      if (answer === null) throw unusable(`${program} printed no login`);
      if (answer.secret.length === 0) return null;
      const secret = Secret.take(`login for ${server}`, answer.secret);
      return { username: answer.username === IDENTITY ? "" : answer.username, secret };
    }
    if (stdout.includes(NOT_FOUND)) return null;
    // its own words may say more than they should
    throw unusable(`${program} failed with exit code ${code ?? "none"}`);
  } finally {
    stdout.fill(0);
  }
}

interface Answer {
  readonly code: number | null;
  /** The caller overwrites it. */
  readonly stdout: Buffer;
  /** Killed for the time it took. */
  readonly isLate: boolean;
}

async function ask(program: string, server: string, o: HelperOptions): Promise<Answer> {
  if (o.signal?.aborted === true) throw new InterruptedError();
  const { spawn } = await import("node:child_process");
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["get"], { env: { ...o.env }, stdio: ["pipe", "pipe", "ignore"] });
    const chunks: Buffer[] = [];
    let size = 0;
    const kill = (): void => {
      child.kill("SIGKILL");
      // a process that it left behind may hold the pipe open for ever
      child.stdout.destroy();
    };
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, o.timeLimitMs ?? TIME_LIMIT_MS);
    o.signal?.addEventListener("abort", kill, { once: true });
    const finish = (): Buffer => {
      clearTimeout(timer);
      o.signal?.removeEventListener("abort", kill);
      const stdout = Buffer.concat(chunks);
      for (const chunk of chunks) chunk.fill(0);
      return stdout;
    };
    child.stdout.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) kill();
    });
    child.on("error", (error) => {
      finish().fill(0);
      reject(notStarted(program, errnoOf(error)));
    });
    child.on("close", (code) => {
      const stdout = finish();
      if (o.signal?.aborted === true) reject(new InterruptedError());
      else resolve({ code, stdout, isLate });
    });
    // it may end before it has read its input
    child.stdin.on("error", () => undefined);
    child.stdin.end(server);
  });
}

function notStarted(program: string, code: string): DockerError {
  return new DockerError("REGISTRY_LOGIN", `${program} can't be started (${code})`, {
    hint: "install it, or take it out of credsStore and credHelpers in docker's config.json",
  });
}

function tooSlow(program: string): DockerError {
  return new DockerError("REGISTRY_LOGIN", `${program} did not answer in time`, {
    hint: "run it by hand, unlock the key chain that it asks, then try again",
  });
}

function unusable(message: string): DockerError {
  return new DockerError("REGISTRY_LOGIN", message, {
    hint: "log in again with docker login",
  });
}
