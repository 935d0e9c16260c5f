/**
 * The second name of an image while `verify --route push` lets the engine push it to us. It says whose
 * it is, as a name can have no label: a process that was killed leaves it behind.
 */
import { randomBytes } from "node:crypto";

import { DockerError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import { currentOwner, isAbandoned } from "./labels.ts";

/** Long enough for any push; counts only where nobody can say whether its process lives. */
const GRACE_MS = 24 * 60 * 60 * 1000;

/** Nobody else's names look like this: a loopback port, 32 random digits, a process. */
const NAME =
  /^127\.0\.0\.1:\d{1,5}\/sealmount-[0-9a-f]{32}:verify_(?<process>\d{1,10}\.\d+)_(?<machine>[0-9a-f]+)_(?<seconds>\d{1,12})$/;

/** Path of a repository in the sink: random, so that nobody else finds it. */
export function pushRepository(): string {
  return `sealmount-${randomBytes(16).toString("hex")}`;
}

/** Tag of this process. */
export function pushTag(now: number = Date.now()): string {
  return `verify_${currentOwner().replace("@", "_")}_${Math.floor(now / 1000)}`;
}

/** One line of `GET /images/json`. */
interface ImageLine {
  readonly RepoTags?: readonly string[] | null;
}

/** The names that processes which are gone have left. */
export async function findPushNames(engine: Engine, now: number): Promise<string[]> {
  const query = { filters: JSON.stringify({ reference: ["127.0.0.1:*/sealmount-*"] }) };
  const images = await engine.request<readonly ImageLine[]>("GET", "/images/json", { query });
  const names = images.flatMap(({ RepoTags }) => RepoTags ?? []);
  return [...new Set(names)].filter((name) => isLeft(name, now));
}

/**
 * Takes the name away, and nothing else.
 *
 * @throws {@link DockerError} DOCKER_REFUSED when it is the last one, with which the image would go
 */
export async function removePushName(engine: Engine, name: string): Promise<void> {
  const found = await engine.inspectImage(name);
  if (found === null) return;
  if ((found.RepoTags ?? []).some((other) => other !== name)) return engine.removeImage(name);
  throw new DockerError("DOCKER_REFUSED", `${name} is the last name of its image, which stays`, {
    hint: `docker image rm ${name}, which removes the image too`,
  });
}

function isLeft(name: string, now: number): boolean {
  const { process = "", machine = "", seconds } = NAME.exec(name)?.groups ?? {};
  if (seconds === undefined) return false;
  return isAbandoned(`${process}@${machine}`, Number(seconds) * 1000, { now, grace: GRACE_MS });
}
