/** Runs the gate in a container that lives for moments, for what the archive API can't do. */
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { text } from "node:stream/consumers";

import { demux } from "../../docker/demux.ts";
import { escapeControl } from "../../docker/errors.ts";
import { labelsOf } from "../../docker/labels.ts";
import { DockerError } from "../../errors.ts";
import type { HelperContext } from "../delivery/helper.ts";
import { type StoreVolume, HELPER_ROOT, helperMounts } from "../delivery/volumes.ts";
import type { Mount } from "../flags/mounts.ts";
import type { GateMount } from "../gate/volume.ts";

/** Enough for runc; the program itself needs a few pages. */
const MEMORY_BYTES = 32 * 1024 * 1024;

/** Words that one start takes, in bytes: the kernel's limit is 2 MB with the environment. */
const MAX_WORDS = 256 * 1024;

/** Of what the program says, so much is shown. */
const MAX_SHOWN = 500;

/** What the program does to the volumes. */
export interface Work {
  /** `rename`: pairs of paths, old and new. `empty`: files. */
  readonly mode: "rename" | "empty";
  /** Relative to the store; each part stays together. */
  readonly parts: readonly (readonly string[])[];
}

/**
 * Runs it with the volumes mounted, as root without network and with a read-only root; of root's
 * capabilities it has only what it takes to empty files of other users.
 *
 * @throws {@link DockerError} DELIVERY_FAILED when it fails
 */
export async function runGate(
  context: HelperContext,
  gate: GateMount,
  volumes: readonly StoreVolume[],
  work: Work,
): Promise<void> {
  const mounts = [...helperMounts(volumes), gate.mount];
  for (const words of inStarts(work.parts)) {
    await runOnce(context, bodyOf(context, [gate.path, work.mode, ...words], mounts));
  }
}

function bodyOf(
  { image, run }: HelperContext,
  Entrypoint: readonly string[],
  mounts: readonly Mount[],
): object {
  return {
    Image: image,
    Entrypoint,
    User: "0:0",
    WorkingDir: HELPER_ROOT,
    NetworkDisabled: true,
    AttachStdout: true,
    AttachStderr: true,
    Healthcheck: { Test: ["NONE"] },
    Labels: labelsOf(run, "helper"),
    HostConfig: {
      NetworkMode: "none",
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      CapAdd: Entrypoint[1] === "empty" ? ["DAC_OVERRIDE"] : [],
      SecurityOpt: ["no-new-privileges"],
      Memory: MEMORY_BYTES,
      PidsLimit: 8,
      LogConfig: { Type: "none" },
      Mounts: mounts,
    },
  };
}

async function runOnce({ engine, cleanup, platform }: HelperContext, body: object): Promise<void> {
  const query = { platform };
  const { Id: id } = await engine.request<{ Id: string }>("POST", "/containers/create", {
    query,
    body,
  });
  const step = cleanup.add(`helper container ${id.slice(0, 12)}`, () => engine.removeContainer(id));
  const stream = await engine.attachContainer(id, { stdout: true, stderr: true });
  const said = new PassThrough();
  const output = text(said);
  const ended = pipeline(stream, demux({ stdout: said, stderr: said })).finally(() => said.end());
  ended.catch(() => undefined);
  const wait = await engine.openWait(id, "next-exit");
  await engine.startContainer(id);
  const code = await wait.exitCode();
  await ended.catch(() => undefined);
  await cleanup.run(step);
  if (code === 0) return;
  const words = escapeControl((await output).trim().slice(0, MAX_SHOWN));
  throw new DockerError("DELIVERY_FAILED", `a helper container ended with code ${code}: ${words}`);
}

/** So many parts at a time as one start takes. */
function inStarts(parts: readonly (readonly string[])[]): string[][] {
  const starts: string[][] = [];
  let room = 0;
  for (const part of parts) {
    const size = part.reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);
    if (size > room) {
      starts.push([]);
      room = MAX_WORDS;
    }
    starts.at(-1)?.push(...part);
    room -= size;
  }
  return starts;
}
