import type { CommandSpec } from "../spec.ts";
import { ENGINE, ENVIRONMENTS, JSON_OUTPUT, KEY_FILE, MANIFEST } from "./options.ts";

/** The commands that prove: verify an image, doctor a machine. */

const VERIFY: CommandSpec = {
  name: "verify",
  summary: "prove that no secret is in an image: every layer, history, config, labels",
  arguments: [
    {
      name: "IMAGE",
      about: "image of the engine; or an archive, a folder, docker://NAME, - for stdin",
      optional: true,
    },
  ],
  options: [
    { long: "container", value: "NAME", about: "search a container's own files and settings" },
    { long: "with-image", about: "with --container: search its image too" },
    {
      long: "platform",
      value: "OS/ARCH",
      fallback: "every one that is there",
      about: "search the image for this platform only",
    },
    { long: "plain-http", about: "docker:// by http, without a login, not https" },
    ENVIRONMENTS,
    {
      long: "strict",
      about: "exit 9 for a secret that can't be proved absent, or a file that was not unpacked",
    },
    {
      long: "format",
      value: "FORMAT",
      fallback: "what the file of --output ends in, else text",
      about: "form of the report",
      choices: ["text", "json", "sarif", "junit"],
    },
    {
      long: "output",
      short: "o",
      value: "FILE",
      repeat: true,
      about: "write the report to FILE too: .sarif, .json, .xml (JUnit) or text",
    },
    {
      long: "route",
      value: "ROUTE",
      fallback: "auto: the fastest of them that only reads",
      about: "how to read the engine's image",
      choices: ["auto", "content", "folders", "save", "push"],
    },
    {
      long: "no-cache",
      about: "search every layer anew: keep no verdicts on layers, and use none",
    },
    {
      long: "build-history",
      about: "search what the engine keeps of its builds too: of all, not this image's alone",
    },
    KEY_FILE,
    ...ENGINE,
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "every secret that the keys here open", line: "sealmount verify cats" },
    {
      does: "as a gate in CI, with files for it",
      line: "sealmount verify --env prod --strict -o leaks.sarif -o leaks.xml cats",
    },
    { does: "in a registry", line: "sealmount verify docker://ghcr.io/cats/api:1" },
  ],
  exits: [0, 2, 3, 4, 5, 6, 8, 9, 130],
  notes: [
    "IMAGE: a path is what begins with / ./ or ../ or ends in .tar, .tar.gz, .tgz, .tar.zst: an " +
      "archive of docker save, docker export or buildx, or the folder of an OCI layout. Prefixes as " +
      "in skopeo say it aloud: docker-daemon:NAME, docker-archive:FILE, oci-archive:FILE, " +
      "oci:FOLDER, docker://HOST/NAME:TAG. See docs/verify-sources.md.",
    "Looked for in every disguise that docs/verify.md lists, also in files that a later layer " +
      "deletes and inside of archives. What can't be proved is listed, never passed in silence.",
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
