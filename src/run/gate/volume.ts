/**
 * The gate in a volume, for engines that do not see this machine's files: an ordinary volume, filled
 * once and kept, since nothing in it is secret.
 *
 * What is in it is compared before it is used. Nothing in it is ever overwritten: whoever finds no
 * good copy uploads one of its own name, so that two runs at once don't get in each other's way.
 */
import type { Engine } from "../../docker/engine.ts";
import { labelsOf } from "../../docker/labels.ts";
import { DockerError } from "../../errors.ts";
import type { HelperContext } from "../delivery/helper.ts";
import { mountsParts } from "../delivery/volume.ts";
import type { Mount } from "../flags/mounts.ts";
import { GATE_FOLDER } from "./gate.ts";
import type { Gate } from "./gate.ts";

/** Where helpers see the volume; a path of the helpers only. */
const HELPER_FOLDER = "/.sealmount-gate";

/** The gate in a container. */
export interface GateMount {
  /** Path of the program. */
  readonly path: string;
  readonly mount: Mount;
}

/** A volume that may hold the gate. */
export interface GateVolume {
  readonly name: string;
  /** Name, and time of its making: one that was removed and made again is another. */
  readonly key: string;
  /** For a helper that is to look into it. */
  readonly helperMount: Mount;
}

/** Volumes that this process has looked into, and the good copy in each. */
const known = new WeakMap<Engine, Map<string, string>>();

/** Makes the volume where it is missing; nothing is in it yet. */
export async function makeGateVolume(
  { engine, run }: HelperContext,
  gate: Gate,
): Promise<GateVolume> {
  const name = `sealmount-gate-${gate.digest.slice(0, 16)}`;
  const body = { Name: name, Driver: "local", Labels: labelsOf(run, "gate") };
  // an engine that has it already answers with that one
  const made = await engine.request<{ readonly CreatedAt?: string }>("POST", "/volumes/create", {
    body,
  });
  return {
    name,
    key: `${name} ${made.CreatedAt ?? ""}`,
    helperMount: {
      Type: "volume",
      Source: name,
      Target: HELPER_FOLDER,
      VolumeOptions: { NoCopy: true },
    },
  };
}

/**
 * The gate out of a volume, which is filled when no good copy is in it.
 *
 * @param helperOf - id of a container, never started, that has the volume mounted; asked for when it
 *   is not known yet what is in it
 * @throws {@link DockerError} DELIVERY_FAILED when the engine does not give back what it was given
 */
export async function gateFromVolume(
  { engine, run }: HelperContext,
  gate: Gate,
  volume: GateVolume,
  helperOf: () => Promise<string>,
): Promise<GateMount> {
  const copies = known.get(engine) ?? new Map<string, string>();
  known.set(engine, copies);
  const copy =
    copies.get(volume.key) ?? (await lookForCopy({ engine, run }, gate, await helperOf()));
  copies.set(volume.key, copy);
  return mountOf(engine, volume.name, copy);
}

/** Uploads one where there is none. */
async function lookForCopy(
  { engine, run }: Pick<HelperContext, "engine" | "run">,
  gate: Gate,
  helper: string,
): Promise<string> {
  let copy = await findCopy(engine, helper, gate);
  if (copy === null) {
    await engine.putArchive(helper, HELPER_FOLDER, await pack(run, gate));
    copy = await findCopy(engine, helper, gate);
  }
  if (copy === null)
    throw new DockerError("DELIVERY_FAILED", "the engine does not keep its volume");
  return copy;
}

/** A single file where the engine can mount one, else the folder. */
function mountOf(engine: Engine, name: string, copy: string): GateMount {
  const single = mountsParts(engine);
  const path = `${GATE_FOLDER}/${single ? "gate" : copy}`;
  const mount: Mount = {
    Type: "volume",
    Source: name,
    Target: single ? path : GATE_FOLDER,
    ReadOnly: true,
    VolumeOptions: { NoCopy: true, ...(single ? { Subpath: copy } : {}) },
  };
  return { path, mount };
}

/** @returns name of a good copy in the volume; null when there is none */
async function findCopy(engine: Engine, helper: string, gate: Gate): Promise<string | null> {
  const { extract } = await import("tar-stream");
  const archive = await engine.getArchive(helper, HELPER_FOLDER);
  const unpack = extract();
  archive.on("error", (error) => unpack.destroy(error));
  archive.pipe(unpack);
  try {
    for await (const entry of unpack) {
      const { name, type, mode } = entry.header;
      const usable = type === "file" && (mode & 0o555) === 0o555;
      if (usable && (await isGate(entry, gate))) return name.slice(name.lastIndexOf("/") + 1);
      entry.resume();
    }
  } catch {
    // somebody else's upload is under way: what has not ended yet is no good copy
  } finally {
    archive.destroy();
  }
  return null;
}

async function isGate(entry: AsyncIterable<unknown>, { bytes }: Gate): Promise<boolean> {
  let at = 0;
  let same = true;
  for await (const chunk of entry) {
    if (!Buffer.isBuffer(chunk)) continue;
    same &&= chunk.equals(bytes.subarray(at, at + chunk.length));
    at += chunk.length;
  }
  return same && at === bytes.length;
}

async function pack(name: string, { bytes }: Gate): Promise<Buffer> {
  const tar = await import("tar-stream");
  const packing = tar.pack();
  packing.entry({ name, mode: 0o755, mtime: new Date(0) }, bytes);
  packing.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of packing) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
