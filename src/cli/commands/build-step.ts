import type { BuildRequest, BuildVault, Guard, Project, Secret } from "../../index.ts";
import type { Context } from "../spec.ts";
import type { KeySearch } from "./keyring.ts";

/** What is known of a finished build; another builder tells only what we opened for it. */
export interface Built {
  /** By which the engine knows it: the id, or a tag. */
  readonly image: string;
  readonly imageId?: string;
  readonly tags: readonly string[];
  /** How often each secret was opened. */
  readonly opened: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
  /** What the exporters answered. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Of `--verify`: a report, or one for each output. */
  readonly verify?: object;
}

/** One build command, ready to start. */
export interface BuildStep {
  readonly context: Context;
  readonly project: Project;
  readonly keyring: KeySearch;
  readonly request: BuildRequest;
  readonly vault: BuildVault;
  readonly secrets: { readonly ids: readonly string[]; open(id: string): Promise<Secret | null> };
  readonly guard: Guard;
}
