/** What goes into `run`: plain types, shared by plan and performance. */
import type { Engine } from "../docker/engine.ts";
import type { DeliveryKind } from "../docker/delivery-choice.ts";
import type { LoginStore } from "../docker/registry-auth.ts";
import type { VariableDelivery } from "../manifest/model.ts";
import type { Secret } from "../secret/secret.ts";
import type { DigestKey } from "./live/digest-key.ts";
import type { LaunchIdentity } from "./live/spec.ts";
import type { ContainerOptions } from "./container-options.ts";
import type { PullEvent } from "./pull.ts";

export type { ContainerOptions } from "./container-options.ts";

/** Environment of the client, as it comes in from the command line. */
export type Env = Readonly<Record<string, string | undefined>>;

/** An entry by name: enough for a plan. */
export interface PlanEntry {
  readonly name: string;
  /** False for values that stand in the manifest as plain text. */
  readonly sensitive: boolean;
  /** Delivered as a file in place of a variable. `mode` as a number, such as 0o440. */
  readonly file?:
    | {
        readonly path: string;
        readonly owner?: string;
        readonly mode?: number;
        /** Nothing but secrets is in its folder: it may be mounted as a whole. */
        readonly ownFolder?: boolean;
      }
    | undefined;
}

/** A secret or plain value, opened; the shape of the vault's `OpenedEntry`. The caller wipes it. */
export interface RunEntry extends PlanEntry {
  readonly value: Secret;
}

/** `--file NAME[=PATH][,owner=…][,mode=…]`, parsed; overrides the manifest part by part. */
export interface FileRequest {
  readonly name: string;
  readonly path?: string | undefined;
  readonly owner?: string | undefined;
  readonly mode?: number | undefined;
}

/** A terminal, where standard input and output are one. */
export interface Terminal {
  /** In characters. */
  size(): { readonly rows: number; readonly columns: number };
  setRawMode(raw: boolean): void;
  /** @returns stops it again */
  onResize(listener: () => void): () => void;
}

/** The program's input and output. Nothing here is ended or closed by `run`. */
export interface RunIo {
  readonly stdin?: NodeJS.ReadableStream | undefined;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly terminal?: Terminal | undefined;
  /** Hands signals to the container once it starts. @returns stops it again */
  readonly onSignal?: ((listener: (signal: NodeJS.Signals) => void) => () => void) | undefined;
}

/** Steps of a run, in order; an abort is obeyed between them. */
export const PHASES = [
  "image",
  "prepare",
  "create",
  "fill",
  "attach",
  "start",
  "running",
  "ended",
] as const;
export type Phase = (typeof PHASES)[number];

/** All that a plan is made from: no engine needed. */
export interface PlanOptions {
  readonly image: string;
  /** Program and arguments; empty: the image's own. */
  readonly command?: readonly string[] | undefined;
  readonly container?: ContainerOptions | undefined;
  readonly entries?: readonly PlanEntry[] | undefined;
  readonly files?: readonly FileRequest[] | undefined;
  /** Owner for every `files` request without one. */
  readonly owner?: string | undefined;
  /** Mode for every `files` request without one, such as 0o440. */
  readonly mode?: number | undefined;
  readonly delivery?: "auto" | DeliveryKind | undefined;
  /** `sealmount agent` runs for this engine: it brings the files back after each start. */
  readonly agent?: boolean | undefined;
  /** How secrets without a file travel; `plain` when left out, and then with a warning. */
  readonly variables?: VariableDelivery | undefined;
  /** Environment of the client: `-e NAME` without a value reads it. */
  readonly env: Env;
  /** Contents of `envFile`, in order; `run` reads them itself. */
  readonly envFileTexts?: readonly { readonly file: string; readonly bytes: Uint8Array }[];
}

/** Everything `run` needs. */
export interface RunOptions extends PlanOptions {
  readonly entries?: readonly RunEntry[] | undefined;
  readonly engine: Engine;
  /** Working directory for relative paths in `-v`, `--env-file` and `--security-opt seccomp=`. */
  readonly cwd: string;
  readonly io: RunIo;
  /** App and environment for the labels, by which `ps` and `refresh` find the container. */
  readonly identity?: LaunchIdentity | undefined;
  /** For the digests that tell whether a container is up to date; stays the caller's. */
  readonly digestKey?: DigestKey | undefined;
  /** Refuse what is only warned about: a folder for secrets that the image has files in. */
  readonly strict?: boolean | undefined;
  /** Stops the run: before the start everything is taken back, after it the container is killed. */
  readonly signal?: AbortSignal | undefined;
  /** Logins for a pull: asked when an image has to be pulled; without it all pulls are anonymous. */
  readonly auth?: LoginStore | undefined;
  /** Progress of a pull; foreign text in it is masked and harmless. */
  readonly onPull?: ((event: PullEvent) => void) | undefined;
  readonly onPhase?: ((phase: Phase) => void) | undefined;
  /** Told once each, in words; a value is never part of them. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** How a run ended. */
export interface RunResult {
  /** The program's own code, 128+N for a signal; 0 when detached. */
  readonly exitCode: number;
  readonly containerId: string;
  /** How files went in. */
  readonly delivery: "none" | DeliveryKind;
  /** With absolute paths. */
  readonly files: readonly { readonly name: string; readonly path: string }[];
  /** Names of the variables: secrets, plain values and those of the options. */
  readonly variables: readonly string[];
}
