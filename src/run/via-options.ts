/** What goes into `runVia`, and the seam between it and the ways of files. */
import type { Engine } from "../docker/engine.ts";
import type { RunEntry, RunOptions } from "./options.ts";
import type { ViaChild } from "./via-child.ts";
import type { RunViaRequest, ViaMounts } from "./via-plan.ts";

/** A container, and who runs it. */
export interface RunViaOptions
  extends
    RunViaRequest,
    Pick<ViaChild, "output" | "onSignal">,
    Pick<RunOptions, "cwd" | "identity" | "digestKey" | "signal" | "onWarning"> {
  readonly entries?: readonly RunEntry[] | undefined;
  /** The tool's environment: without any key variable. */
  readonly childEnv: Readonly<Record<string, string>>;
  /** Connects to the engine that docker's client will use; asked only when there are files for it. */
  readonly connect: () => Promise<Engine>;
}

/** Files on their way, and what becomes of them. */
export interface Handed extends ViaMounts {
  /** The tool was started; `over` fires when it has ended. */
  watch(this: void, over: AbortSignal): void;
  /** The tool has ended. A container that goes on without it keeps its files. */
  ended(this: void): Promise<void>;
  /** Nothing was started. */
  takeBack(this: void): Promise<void>;
}
