/** One build under way: what both roads to the engine share. */
import { DockerError } from "../errors.ts";
import type { Session } from "../session/session.ts";
import type { BuildAnswer } from "./answer.ts";
import type { BuildEvent } from "./events.ts";
import { failure } from "./failure.ts";
import type { Caches } from "./caches.ts";
import type { HeldBack } from "./held-back.ts";
import type { BuildInputs } from "./inputs.ts";
import type { BuildOptions } from "./options.ts";
import { type BuildPlan, mountableIds } from "./plan.ts";
import { Progress } from "./progress.ts";
import type { JoinedSecrets } from "./secret-flags.ts";
import type { Attributes } from "../session/control/messages.ts";
import type { SourceLogins } from "./source-logins.ts";
import { decodeStatus } from "./status.ts";
import { Steps } from "./steps.ts";

/** One build under way. */
export interface Job {
  readonly options: BuildOptions;
  /** Where {@link options} are not what was asked for: results that are to be proved first. */
  readonly held?: HeldBack | undefined;
  readonly secrets: JoinedSecrets;
  readonly logins: SourceLogins | undefined;
  readonly inputs: BuildInputs;
  readonly plan: BuildPlan;
  /** Fires with the reason: an interrupt, a lost session, a secret or file that can't be opened. */
  readonly stop: AbortController;
  readonly report: Report;
}

/** A job whose session is open. */
export interface RunningJob extends Job {
  readonly session: Session;
  /** Front end attributes: where the session serves what. */
  readonly places: Attributes;
  readonly caches: Caches;
}

/** Collects what the events say, while passing them on. */
export class Report {
  readonly warnings: string[] = [];
  readonly progress: Progress;
  readonly #steps = new Steps();
  readonly #dockerfile: string;
  readonly #onProgress: (event: BuildEvent) => void;

  /** @param mask - asked for every line */
  constructor(options: BuildOptions, dockerfile: string, mask: (text: string) => string) {
    this.#dockerfile = dockerfile;
    this.#onProgress = options.onProgress ?? (() => undefined);
    this.progress = new Progress({ mask, emit: (event) => this.emit(event) });
  }

  emit(event: BuildEvent): void {
    if (event.kind === "warning") this.warnings.push(event.text);
    this.#steps.push(event);
    this.#onProgress(event);
  }

  /** False while the engine has not begun anything. */
  get hasSteps(): boolean {
    return this.#steps.all.length > 0;
  }

  /** What a failed step said last of its own failure; null when none failed. */
  get stepError(): string | null {
    return this.#steps.failed[0]?.error ?? null;
  }

  /** The error for the engine's words, which are masked here. */
  failed(words: string): Error {
    const error = this.progress.clean(words);
    return failure({ error, dockerfile: this.#dockerfile, step: this.#steps.failed[0] });
  }
}

/** Passes progress on; before the first output of a step, the mask has to know every secret of it. */
export function tracer(job: Job): (bytes: Buffer) => Promise<void> {
  let isMaskReady = false;
  return async (bytes) => {
    const status = decodeStatus(bytes);
    if (!isMaskReady && status.logs.length > 0) {
      await openForMask(job);
      isMaskReady = true;
    }
    job.report.progress.push(status);
  };
}

/**
 * Opens what the steps of this build may mount, so that the mask knows it. Serving alone is not
 * enough: BuildKit runs a step once for two builds at a time and shows its output to both, although
 * it asked only one of them for the secret; and a step may print what a cached one left behind.
 */
async function openForMask({ secrets, plan, stop }: Job): Promise<void> {
  try {
    for (const id of mountableIds(plan, secrets.ids)) await secrets.open(id);
  } catch (error) {
    stop.abort(error);
    throw error;
  }
}

/** The image's id in an answer of `/build`. @throws {@link BuildError} as {@link Report.failed} */
export function imageOf(answer: BuildAnswer, report: Report): ReadonlyMap<string, string> {
  if (answer.error !== null) throw report.failed(answer.error);
  if (answer.imageId !== null) return new Map([["containerimage.digest", answer.imageId]]);
  throw new DockerError("DOCKER_REFUSED", "the engine ended the build without an image");
}
