import type { CommandSpec } from "./spec.ts";
import { KEY_SPECS } from "./specs/keys.ts";
import { MANIFEST_SPECS } from "./specs/manifest.ts";
import { USE_SPECS } from "./specs/use.ts";
import { LIVE_SPECS } from "./specs/live.ts";
import { PROOF_SPECS } from "./specs/proof.ts";

/** Every command, in the order of the work: manifest, keys, use, life, proof. */
export const SPECS: readonly CommandSpec[] = [
  ...MANIFEST_SPECS,
  ...KEY_SPECS,
  ...USE_SPECS,
  ...LIVE_SPECS,
  ...PROOF_SPECS,
];
