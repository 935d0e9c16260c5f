/** The older road: `POST /build?remote=client-session`, for engines that refuse `/grpc`. */
import { randomBytes } from "node:crypto";

import { imageOf, tracer, type RunningJob } from "./job.ts";
import { readAnswer } from "./answer.ts";
import { buildQuery } from "./query.ts";

/** Cancelling is a courtesy: the engine also stops when the request's connection ends. */
const CANCEL_TIMEOUT_MS = 1_000;

/**
 * Builds; the session serves the context. The engine always keeps its record of such a build.
 *
 * @returns `containerimage.digest`
 */
export async function postBuild(job: RunningJob): Promise<ReadonlyMap<string, string>> {
  const { options, session, stop, inputs, report } = job;
  const build = randomBytes(16).toString("hex");
  const ids = { session: session.id, build, dockerfile: inputs.dockerfile.name };
  try {
    const response = await options.engine.stream("POST", "/build", {
      query: buildQuery(options, ids),
      signal: stop.signal,
    });
    const answer = await readAnswer(response, tracer(job));
    stop.signal.throwIfAborted();
    report.progress.end();
    return imageOf(answer, report);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    await cancel(job, build);
    throw stop.signal.reason;
  }
}

async function cancel({ options }: RunningJob, buildId: string): Promise<void> {
  const signal = AbortSignal.timeout(CANCEL_TIMEOUT_MS);
  await options.engine
    .request("POST", "/build/cancel", { query: { id: buildId }, signal })
    .catch(() => undefined);
}
