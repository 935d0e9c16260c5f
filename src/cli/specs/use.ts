import type { CommandSpec, OptionSpec } from "../spec.ts";
import { BUILD } from "./build.ts";
import {
  DRY_RUN,
  ENGINE,
  ENVIRONMENT,
  JSON_OUTPUT,
  KEY_FILE,
  MANIFEST,
  SELECTION,
} from "./options.ts";

/** The commands that hand secrets to a step: build, run, exec. */

const NO_MASK: OptionSpec = {
  long: "no-mask",
  about: "do not replace secrets in the output by ***",
  fallback: "masked, but with --tty",
};

const DELIVERY: readonly OptionSpec[] = [
  {
    long: "file",
    value: "NAME=PATH[,owner=USER][,mode=MODE]",
    repeat: true,
    about: "deliver NAME as a read-only file instead of a variable",
  },
  {
    long: "owner",
    value: "USER",
    about: "with --file: owner of files that name none",
    fallback: "root",
  },
  {
    long: "mode",
    value: "MODE",
    about: "with --file: mode of files that name none",
    fallback: "0600",
  },
  {
    long: "delivery",
    value: "KIND",
    choices: ["auto", "bind", "volume"],
    fallback: "auto",
    about: "how files travel: a private tmpfs folder of this machine, or a tmpfs volume",
  },
];

/** `docker run`'s own options, with docker's own meaning; only `--env` is ours, docker's is -e. */
const DOCKER_RUN: readonly OptionSpec[] = [
  { long: "detach", short: "d", about: "print the container's id and return" },
  { long: "rm", about: "remove the container when it ends" },
  { long: "interactive", short: "i", about: "keep stdin open" },
  { long: "tty", short: "t", about: "give the program a terminal" },
  { long: "name", value: "NAME", about: "name of the container" },
  {
    long: "env-var",
    short: "e",
    value: "KEY[=VAL]",
    repeat: true,
    about: "docker's -e: a plain variable",
  },
  { long: "env-file", value: "FILE", repeat: true, about: "plain variables from a file" },
  { long: "publish", short: "p", value: "PORTS", repeat: true, about: "publish a port" },
  { long: "publish-all", short: "P", about: "publish every exposed port" },
  { long: "volume", short: "v", value: "SPEC", repeat: true, about: "mount a folder or volume" },
  { long: "mount", value: "SPEC", repeat: true, about: "mount, long form" },
  { long: "tmpfs", value: "SPEC", repeat: true, about: "mount a tmpfs" },
  { long: "workdir", short: "w", value: "DIR", about: "working directory inside" },
  { long: "user", short: "u", value: "USER", about: "user inside" },
  { long: "network", value: "NAME", about: "network to join" },
  { long: "hostname", short: "h", value: "NAME", about: "host name inside" },
  { long: "add-host", value: "NAME:IP", repeat: true, about: "line for /etc/hosts" },
  { long: "restart", value: "POLICY", about: "restart policy" },
  { long: "entrypoint", value: "PROGRAM", about: "in place of the image's own" },
  { long: "label", short: "l", value: "KEY=VAL", repeat: true, about: "label of the container" },
  { long: "read-only", about: "read-only root file system" },
  { long: "cap-add", value: "CAP", repeat: true, about: "add a capability" },
  { long: "cap-drop", value: "CAP", repeat: true, about: "drop a capability" },
  { long: "security-opt", value: "OPT", repeat: true, about: "security option" },
  { long: "init", about: "an init process inside" },
  { long: "platform", value: "PLATFORM", about: "os/arch of the image" },
  {
    long: "pull",
    value: "WHEN",
    choices: ["never", "missing"],
    about: "images are never pulled here",
  },
  { long: "stop-signal", value: "SIGNAL", about: "signal that stops the program" },
  { long: "ulimit", value: "NAME=N", repeat: true, about: "resource limit" },
  { long: "memory", short: "m", value: "SIZE", about: "memory limit" },
  { long: "cpus", value: "N", about: "number of CPUs" },
  { long: "no-sig-proxy", about: "do not pass signals on to the program" },
];

const CODES_KEPT =
  "The exit code is the program's own, 128+N for a signal. Failures of sealmount before the " +
  "start keep 2, 3, 4, 5 and 9; every other one is 125.";

const RUN: CommandSpec = {
  name: "run",
  summary: "run a container with the secrets of an environment",
  arguments: [
    { name: "IMAGE", about: "image to run; it must be there, nothing is pulled" },
    { name: "COMMAND", about: "program and arguments", optional: true, repeat: true },
  ],
  options: [
    ENVIRONMENT,
    ...SELECTION,
    ...DELIVERY,
    NO_MASK,
    DRY_RUN,
    KEY_FILE,
    ...DOCKER_RUN,
    ...ENGINE,
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "with the values of prod", line: "sealmount run --rm --env prod cats" },
    {
      does: "two secrets only, one of them as a file",
      line: "sealmount run --rm --only API_KEY --only TLS_KEY --file TLS_KEY=/etc/tls.key,mode=0400 cats",
    },
    { does: "what would be delivered", line: "sealmount run --dry-run --env prod cats" },
  ],
  exits: [0, 1, 2, 3, 4, 5, 9, 125, 130],
  notes: [
    "Options end at IMAGE. A secret without a file is an environment variable, which docker " +
      "inspect shows; a file is on a read-only tmpfs below /run/secrets, and inspect does not.",
    CODES_KEPT,
  ],
  stopAtOperand: true,
  load: () => import("../commands/run.ts"),
};

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
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "a server with the values of local", line: "sealmount exec --env local -- npm start" },
    { does: "one secret only", line: "sealmount exec --only DATABASE_URL -- psql" },
    { does: "what would be set", line: "sealmount exec --dry-run -- npm start" },
  ],
  exits: [0, 1, 2, 3, 4, 5, 9, 125, 130],
  notes: ["Options end at the first word that is none, or at --. " + CODES_KEPT],
  stopAtOperand: true,
  load: () => import("../commands/exec.ts"),
};

export const USE_SPECS: readonly CommandSpec[] = [BUILD, RUN, EXEC];
