/**
 * Labels on everything that sealmount makes on an engine, and the identity of the process that
 * made it: what `doctor` needs to tell a leftover from something in use.
 */
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

import { errnoOf } from "../errors.ts";

/** The process that starts the container, as {@link currentOwner} writes it. */
export const LABEL_OWNER = "sealmount.owner";
/** One id shared by an app container, its helpers, its volumes and its host folder. */
export const LABEL_RUN = "sealmount.run";
/** What a thing is for: see {@link Role}. */
export const LABEL_ROLE = "sealmount.role";
/** Host folder whose files the container has mounted; only while the folder must stay. */
export const LABEL_FOLDER = "sealmount.folder";

/**
 * `app`: the user's container; `helper`: lives for moments; `files`: a tmpfs volume; `gate`: a volume
 * with a program of ours, kept for the next run.
 */
export type Role = "app" | "helper" | "files" | "gate";

/** The labels of one thing. */
export function labelsOf(run: string, role: Role): Record<string, string> {
  return { [LABEL_OWNER]: currentOwner(), [LABEL_RUN]: run, [LABEL_ROLE]: role };
}

/**
 * This process as `PID.START@MACHINE`. START is the start time in clock ticks, so that a reused
 * process id is not taken for us; MACHINE is a digest of boot id and pid namespace, because a
 * process id means nothing outside of them. No name of a user or a machine is in it.
 */
export function currentOwner(): string {
  return `${process.pid}.${startOf(process.pid) ?? "0"}@${machine()}`;
}

/**
 * Tells whether the process that {@link currentOwner} described still runs.
 *
 * @returns undefined when that can't be known: another machine, or no text of ours
 */
export function isAlive(owner: string): boolean | undefined {
  const match = /^(\d{1,10})\.(\d+)@([0-9a-f]+)$/.exec(owner);
  if (match === null || match[3] !== machine()) return undefined;
  const pid = Number(match[1]);
  const start = startOf(pid);
  // no /proc (macOS): a signal that does nothing is the only question left
  return start === undefined ? answers(pid) : start === match[2];
}

/** What nobody on this machine can vouch for is left alone for so long: a start takes a second. */
export const GRACE_MS = 10 * 60 * 1000;

/**
 * Whether the process that made something is gone; where that can't be known, time tells.
 *
 * @param made - milliseconds since 1970
 * @param o.grace - how long such work takes at most, in milliseconds; default {@link GRACE_MS}
 */
export function isAbandoned(
  owner: string,
  made: number,
  { now, grace = GRACE_MS }: { readonly now: number; readonly grace?: number },
): boolean {
  const alive = isAlive(owner);
  return alive === undefined ? now - made > grace : !alive;
}

/** Field 22 of /proc/PID/stat. The name in field 2 may hold spaces and parentheses: skip past it. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function answers(pid: number): boolean {
  if (process.platform === "linux") return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errnoOf(error) === "EPERM";
  }
}

function machine(): string {
  const facts = [hostname()];
  try {
    facts.push(readFileSync("/proc/sys/kernel/random/boot_id", "latin1"));
    facts.push(readlinkSync("/proc/self/ns/pid"));
  } catch {
    // not Linux: the host name has to do
  }
  return createHash("sha256").update(facts.join("\n")).digest("hex").slice(0, 12);
}
