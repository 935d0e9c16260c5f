import type { CommandSpec, OptionSpec } from "../spec.ts";
import { BUILD } from "./build.ts";
import {
  CODES_KEPT,
  DRY_RUN,
  ENGINE,
  ENVIRONMENT,
  JSON_OUTPUT,
  KEY_FILE,
  MANIFEST,
  NO_MASK,
  SELECTION,
} from "./options.ts";
import { RUN } from "./run.ts";

/** The commands that hand secrets to a step: build, run, exec. */

/** `docker exec`'s own options. They want `--container`. */
const IN_CONTAINER: readonly OptionSpec[] = [
  {
    long: "container",
    value: "NAME",
    about: "run it there, as docker exec; hidden variables of the container are its own too",
  },
  { long: "interactive", short: "i", about: "with --container: keep stdin open" },
  { long: "tty", short: "t", about: "with --container: give the program a terminal" },
  { long: "detach", short: "d", about: "with --container: return at once" },
  { long: "user", short: "u", value: "USER", about: "with --container: user inside" },
  {
    long: "workdir",
    short: "w",
    value: "DIR",
    about: "with --container: working directory inside",
  },
  {
    long: "env-var",
    short: "e",
    value: "KEY[=VAL]",
    repeat: true,
    about: "with --container: docker's -e: a plain variable",
  },
  {
    long: "env-file",
    value: "FILE",
    repeat: true,
    about: "with --container: plain variables from a file",
  },
  { long: "privileged", about: "with --container: all capabilities" },
  { long: "detach-keys", value: "KEYS", about: "with --container: keys that detach a terminal" },
];

const EXEC: CommandSpec = {
  name: "exec",
  summary: "run a local program with the secrets of an environment in its variables",
  arguments: [
    { name: "COMMAND", about: "program to run" },
    { name: "ARG", about: "its arguments", optional: true, repeat: true },
  ],
  options: [
    ENVIRONMENT,
    ...SELECTION,
    {
      long: "file",
      value: "NAME[,mode=MODE]",
      repeat: true,
      about: "give NAME as a private file, whose path is in the variable NAME_FILE",
    },
    { ...NO_MASK, fallback: "masked on a pipe; a terminal goes to the program itself" },
    DRY_RUN,
    KEY_FILE,
    ...IN_CONTAINER,
    ...ENGINE,
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "a server with the values of local", line: "sealmount exec --env local -- npm start" },
    { does: "one secret only", line: "sealmount exec --only DATABASE_URL -- psql" },
    { does: "what would be set", line: "sealmount exec --dry-run -- npm start" },
  ],
  exits: [0, 1, 2, 3, 4, 5, 9, 125, 126, 127, 130],
  notes: [
    "Options end at the first word that is none, or at --. " + CODES_KEPT,
    "With --container the program has the container's variables, and --env says whose values " +
      "to mask in its output. Without its key: --no-mask.",
  ],
  stopAtOperand: true,
  load: () => import("../commands/exec.ts"),
};

export const USE_SPECS: readonly CommandSpec[] = [BUILD, RUN, EXEC];
