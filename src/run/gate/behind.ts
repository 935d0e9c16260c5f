/** The gate in front of a container's program and health check: pure, by docker's own rules. */
import type { ImageConfig } from "../../docker/types.ts";
import { ENV_FILE, GATE_FOLDER } from "./gate.ts";

/** What a container's program can be told by. */
interface Programs {
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Healthcheck?: { readonly Test?: readonly string[] };
}

/** Shell of commands that are one text, where the image names none. */
const DEFAULT_SHELL = ["/bin/sh", "-c"];

/** `wait`: somebody brings the file after the start; `now`: without it the start fails. */
export type GateMode = "now" | "wait";

/** The gate in a container. */
export interface GatePlace {
  readonly path: string;
  /** For the program; a health check and a later command never wait. */
  readonly mode: GateMode;
}

/** The words in front of a program. */
export function gateWords({ path, mode }: GatePlace): string[] {
  return [path, mode, ENV_FILE];
}

/**
 * The words in front of a program that was started behind the gate, for another one in the same
 * container; null when it was not.
 *
 * @param own - names of which the new program's own variables count
 */
export function gateOf(
  entrypoint: readonly string[] | null | undefined,
  own: readonly string[] = [],
): string[] | null {
  const [gate = "", , file] = entrypoint ?? [];
  if (!gate.startsWith(`${GATE_FOLDER}/`) || file !== ENV_FILE) return null;
  return [gate, ["now", ...own].join(","), ENV_FILE];
}

/**
 * Puts the gate in front of the program and of the health check; both stay what docker would have
 * made of request and image. Without any program nothing changes: the engine's own error is the best.
 */
export function behindGate<T extends Programs>(body: T, image: ImageConfig, gate: GatePlace): T {
  const program = programOf(body, image);
  if (program.length === 0) return body;
  const Test = healthTestOf(body, image, gateWords({ ...gate, mode: "now" }));
  return {
    ...body,
    Entrypoint: gateWords(gate),
    Cmd: program,
    ...(Test === null ? {} : { Healthcheck: { ...body.Healthcheck, Test } }),
  };
}

/** An own entrypoint drops the image's command too; one empty word drops both. */
function programOf(body: Programs, image: ImageConfig): string[] {
  const own = body.Entrypoint ?? [];
  const asked = body.Cmd ?? [];
  const command = own.length === 0 && asked.length === 0 ? (image.Cmd ?? []) : asked;
  const entrypoint = body.Entrypoint ?? image.Entrypoint ?? [];
  const dropped = entrypoint.length === 1 && entrypoint[0] === "";
  return [...(dropped ? [] : entrypoint), ...command];
}

/** Null where there is none, or one that is switched off. */
function healthTestOf(
  body: Programs,
  image: ImageConfig,
  words: readonly string[],
): string[] | null {
  const own = body.Healthcheck?.Test ?? [];
  const [kind, ...rest] = own.length > 0 ? own : testOf(image.Healthcheck);
  if (kind === "CMD") return [kind, ...words, ...rest];
  if (kind !== "CMD-SHELL") return null;
  const shell = image.Shell ?? [];
  return ["CMD", ...words, ...(shell.length > 0 ? shell : DEFAULT_SHELL), ...rest];
}

function testOf(healthcheck: unknown): string[] {
  if (typeof healthcheck !== "object" || healthcheck === null) return [];
  const test: unknown = "Test" in healthcheck ? healthcheck.Test : null;
  return Array.isArray(test) ? test.filter((word) => typeof word === "string") : [];
}
