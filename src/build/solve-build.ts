/** The road of docker's own client: `Control.Solve`, followed by `Control.Status`. */
import { randomBytes } from "node:crypto";

import { BuildError, DockerError, SealmountError } from "../errors.ts";
import { LONGEST_HEADER } from "../session/control/channel.ts";
import { connectControl, type ControlClient } from "../session/control/client.ts";
import { askFrontend } from "../session/control/gateway.ts";
import { RpcError } from "../session/control/rpc-error.ts";
import { WireError } from "../session/protobuf.ts";
import { readCall } from "./caches.ts";
import type { EngineFacts } from "./engine-facts.ts";
import { decodeSourceInfo } from "./excerpt.ts";
import { tracer, type RunningJob } from "./job.ts";
import { pushFailure } from "./push.ts";
import { solveRequest } from "./solve-request.ts";

/** How long the last progress is waited for once the build has ended; buildx waits 5 s. */
const STATUS_IDLE_MS = 3_000;
/** The same for a build without any: one that was refused never gets a status. */
const FIRST_STATUS_MS = 300;

/** What it takes besides the job. */
export interface SolveRoad {
  readonly control: ControlClient;
  readonly facts: EngineFacts;
}

/**
 * Builds.
 *
 * @returns what the exporters answered
 */
export async function solveBuild(
  job: RunningJob,
  { control, facts }: SolveRoad,
): Promise<ReadonlyMap<string, string>> {
  const { options, session, stop, places, caches, report } = job;
  const ref = newRef();
  const request = solveRequest(options, { ref, session: session.id, facts, places, caches });
  const isQuestion = readCall(options.call) !== null;
  const solving = isQuestion
    ? askFrontend(control, request, stop.signal)
    : control.solve(request, stop.signal);
  // asked for below, once the progress is read: until then its failure is nobody's
  solving.catch(() => undefined);
  const following = new AbortController();
  const follower = await followerOf(job, control);
  const followed = follow(job, follower.status(ref, following.signal));
  try {
    const [answer] = await Promise.all([solving, Promise.race([followed.failed, solving])]);
    await followed.end();
    return answer;
  } catch (error) {
    if (stop.signal.aborted) throw stop.signal.reason;
    if (error instanceof RpcError || isLost(error)) await followed.end();
    throw errorOf(error, job);
  } finally {
    following.abort();
    report.progress.end();
    if (follower !== control) await follower.close();
  }
}

/**
 * Where to follow the build. With a Dockerfile whose report could not be read (it is in it twice in
 * base64, of which 4 KiB are left for the rest), the connection is gone with the build's failure; the
 * step's own words come over another one.
 */
async function followerOf(
  { options, inputs }: RunningJob,
  control: ControlClient,
): Promise<ControlClient> {
  const longest = (LONGEST_HEADER - 4096) * (9 / 16);
  const isShort = (inputs.dockerfile.content?.length ?? Infinity) < longest;
  return isShort ? control : connectControl(options.engine, options.signal);
}

/** Progress that is being read. */
interface Followed {
  /** Rejects when it can't be passed on: a secret that the mask needs does not open. */
  readonly failed: Promise<never>;
  /** Waits for the end of it, as long as something comes every few seconds. */
  end(): Promise<void>;
}

function follow(job: RunningJob, messages: AsyncIterable<Buffer>): Followed {
  const pass = tracer(job);
  let last: number | null = null;
  const done = (async (): Promise<void> => {
    for await (const bytes of messages) {
      last = performance.now();
      await pass(bytes);
    }
  })();
  const settled = done.then(
    () => true,
    () => true,
  );
  return {
    failed: new Promise((_resolve, reject) => {
      done.catch((error: unknown) => {
        // the engine's own report of the build is Solve's; what is ours stops it
        if (error instanceof SealmountError && !isLost(error)) reject(error);
        if (error instanceof WireError) reject(unreadable(error));
      });
    }),
    async end() {
      const from = performance.now();
      for (;;) {
        const until =
          last === null ? from + FIRST_STATUS_MS : Math.max(from, last) + STATUS_IDLE_MS;
        const left = until - performance.now();
        if (left <= 0) return;
        if (await Promise.race([settled, pause(left)])) return;
      }
    },
  };
}

async function pause(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), ms).unref());
}

/** The error that the user sees. */
function errorOf(error: unknown, { report }: RunningJob): unknown {
  if (error instanceof WireError) return unreadable(error);
  if (!(error instanceof RpcError)) return error;
  report.progress.end();
  if (error.isCut && report.stepError === null) return longDockerfile();
  for (const source of decodeSourceInfo(error.details).slice(0, 1)) report.progress.source(source);
  // with a long Dockerfile the report is too long to be read; then the step's own words must do
  const failed = report.failed((error.isCut ? report.stepError : null) ?? error.message);
  const push = pushFailure(failed.message);
  if (push !== null) return push;
  if (report.hasSteps) return failed;
  // nothing had begun: it is the request that the engine does not like
  return new DockerError("DOCKER_REFUSED", `the engine refused the build: ${failed.message}`);
}

/** No step failed, so the Dockerfile itself has a fault. */
function longDockerfile(): BuildError {
  const message = "the Dockerfile has a fault, and is so long that the report of it can't be read";
  return new BuildError("BUILD_DOCKERFILE", message, {
    hint: "docker build shows it; or make the Dockerfile shorter than 34 KiB",
  });
}

function isLost(error: unknown): boolean {
  return error instanceof DockerError && error.code === "DOCKER_SESSION_LOST";
}

/** 25 letters and digits, as docker names builds. */
function newRef(): string {
  return BigInt(`0x${randomBytes(17).toString("hex")}`)
    .toString(36)
    .padStart(25, "0")
    .slice(-25);
}

function unreadable(error: WireError): DockerError {
  return new DockerError(
    "DOCKER_REFUSED",
    `the engine sent an unreadable progress message: ${error.message}`,
  );
}
