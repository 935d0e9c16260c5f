/** `down`: a container goes, and everything of its secrets with it. */
import { escapeControl, statusOf } from "../../docker/errors.ts";
import { isFolderOf, removePrivateFolder } from "../../docker/host-tmpfs.ts";
import { LABEL_ROLE, LABEL_RUN } from "../../docker/labels.ts";
import { SealmountError } from "../../errors.ts";
import { findContainer, type KnownContainer } from "./find.ts";
import { revoke, type RevokeOptions } from "./revoke.ts";

/** What goes into `down`. */
export interface DownOptions extends RevokeOptions {
  /** How long the program may take to end, in seconds, before it is killed. */
  readonly timeout?: number | undefined;
}

/** How a down ended. */
export interface DownResult {
  /** Its name. */
  readonly container: string;
  /** Names of the files that were emptied before it was stopped. */
  readonly revoked: readonly string[];
}

const DEFAULT_TIMEOUT_S = 10;

/**
 * Revokes, stops and removes a container with its volumes and folder, running or not. Files that
 * can't be emptied are told, and go with what they lie in.
 *
 * @throws SealmountError CONTAINER_MISSING, and what the engine refused
 */
export async function down(options: DownOptions): Promise<DownResult> {
  const { engine } = options;
  const container = await findContainer(engine, options.container, options.app);
  const { id, name, labels } = container;
  const revoked = await revokeOrTell({ ...options, container: id });
  await engine.stopContainer(id, options.timeout ?? DEFAULT_TIMEOUT_S).catch(ignoreGone);
  await engine.removeContainer(id);
  for (const { Name, Labels } of await engine.listVolumes(`${LABEL_RUN}=${labels.run}`)) {
    if (Labels?.[LABEL_ROLE] === "files") await engine.removeVolume(Name);
  }
  await removeFolder(options, container, revoked === null);
  return { container: name, revoked: revoked ?? [] };
}

async function removeFolder(
  { env, onWarning }: DownOptions,
  { name, labels }: KnownContainer,
  isFull: boolean,
): Promise<void> {
  const { folder, run } = labels;
  if (folder === undefined) return;
  if (await isFolderOf(env, folder, run)) await removePrivateFolder(folder);
  else if (isFull)
    onWarning?.(`the files of ${name} stay where it was run: ${escapeControl(folder)}`);
}

/** @returns null when the files could not be emptied */
async function revokeOrTell(options: RevokeOptions): Promise<readonly string[] | null> {
  try {
    return (await revoke(options)).revoked;
  } catch (error) {
    if (!(error instanceof SealmountError) || error.code !== "DELIVERY_FAILED") throw error;
    options.onWarning?.(`not emptied before the end: ${error.message}`);
    return null;
  }
}

function ignoreGone(error: unknown): void {
  if (![304, 404].includes(statusOf(error) ?? 0)) throw error;
}
