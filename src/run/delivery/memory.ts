/** Which memory the engine makes volumes of: the one that never swaps. */
import { isRootless, NOSWAP_KERNEL } from "../../docker/delivery-choice.ts";
import type { Engine } from "../../docker/engine.ts";
import { compareApi } from "../../docker/version.ts";
import { DockerError } from "../../errors.ts";

/** File system of a volume. `tmpfs` is mounted with `noswap`; `ramfs` never swaps, and has no limit. */
export type Memory = "tmpfs" | "ramfs";

/** Engines that have refused to mount tmpfs with `noswap`. */
const refusing = new WeakSet<Engine>();

/**
 * Decided by what is known already. Where that is not enough, the first mount fails, see
 * {@link mountError}.
 *
 * A rootless engine may not use `noswap`, which is for the machine's root (measured).
 *
 * @param securityOptions - of `GET /info`, where that was asked
 */
export function memoryOf(engine: Engine, securityOptions?: readonly string[] | null): Memory {
  const { kernel, rootless } = engine.version;
  const isOld = kernel !== "" && compareApi(kernel, NOSWAP_KERNEL) < 0;
  const isRefused = rootless || isRootless(securityOptions) || refusing.has(engine);
  return isOld || isRefused ? "ramfs" : "tmpfs";
}

/** Another volume of this engine need not be tried. */
export function noteRefusal(engine: Engine): void {
  refusing.add(engine);
}

/** The engine would not mount a volume as it was told to. */
export class MountRefusedError extends DockerError {}

/** What a first mount has failed with, told apart where mount(2) did not know an option. */
export function mountError(error: unknown): unknown {
  const isOption =
    error instanceof DockerError &&
    error.code === "DOCKER_REFUSED" &&
    /invalid argument/i.test(error.message);
  if (!isOption) return error;
  const { code, message, status, hint } = error;
  return new MountRefusedError(code, message, { status, hint });
}
