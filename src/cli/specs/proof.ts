import type { CommandSpec } from "../spec.ts";
import { ENGINE, ENVIRONMENTS, JSON_OUTPUT, KEY_FILE, MANIFEST } from "./options.ts";

/** The commands that prove: verify an image, doctor a machine. */

const VERIFY: CommandSpec = {
  name: "verify",
  summary: "prove that no secret is in an image: every layer, history, config, labels",
  arguments: [{ name: "IMAGE", about: "image to look through" }],
  options: [
    ENVIRONMENTS,
    { long: "strict", about: "a secret that can't be proved absent is exit 9" },
    KEY_FILE,
    ...ENGINE,
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "every secret that the keys here open", line: "sealmount verify cats" },
    { does: "those of two environments", line: "sealmount verify --env test --env prod cats" },
    { does: "as a gate in CI", line: "sealmount verify --strict --json cats" },
  ],
  exits: [0, 2, 3, 4, 5, 6, 8, 9, 130],
  notes: [
    "Looked for: raw, base64 (both alphabets), hex, percent and JSON forms, also in files that a " +
      "later layer deletes. Secrets too short to prove are listed, never passed in silence.",
  ],
  load: () => import("../commands/verify.ts"),
};

const DOCTOR: CommandSpec = {
  name: "doctor",
  summary: "check keys, manifest and engine; each fault with its fix",
  arguments: [],
  options: [
    { long: "clean", about: "remove what killed processes left behind" },
    KEY_FILE,
    ...ENGINE,
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "everything", line: "sealmount doctor" },
    { does: "another engine", line: "sealmount doctor -H ssh://build@host" },
    { does: "for a program", line: "sealmount doctor --json" },
  ],
  exits: [0, 2, 3, 4, 5, 6, 9],
  notes: ["The exit code is the one that a command would end with for the first fault."],
  load: () => import("../commands/doctor.ts"),
};

export const PROOF_SPECS: readonly CommandSpec[] = [VERIFY, DOCTOR];
