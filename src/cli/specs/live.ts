import type { CommandSpec, OptionSpec } from "../spec.ts";
import { ENGINE, ENVIRONMENT, JSON_OUTPUT, KEY_FILE, MANIFEST } from "./options.ts";

/** The commands for containers that run with secrets: ps, refresh, revoke, down, agent. */

const OF_ENVIRONMENT: OptionSpec = {
  long: "env",
  value: "NAME",
  fallback: "those of every environment",
  about: "only containers of that environment",
};

const APP: readonly OptionSpec[] = [
  {
    long: "app",
    value: "NAME",
    fallback: "[seal] app of the manifest",
    about: "the app whose containers are meant",
  },
  { long: "any-app", about: "containers of every app" },
];

const CONTAINER = { name: "CONTAINER", about: "name or id", optional: true, repeat: true } as const;

const PS: CommandSpec = {
  name: "ps",
  summary: "list containers that have secrets, and whether those are the values of now",
  arguments: [],
  options: [
    OF_ENVIRONMENT,
    ...APP,
    { long: "all", short: "a", about: "stopped ones too" },
    { long: "stale", about: "only those that are not up to date; exits 9 when there is one" },
    { long: "no-trunc", about: "whole ids, and the secrets by name" },
    KEY_FILE,
    ...ENGINE,
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "the app's containers", line: "sealmount ps" },
    { does: "is a value rotated that a container still has old?", line: "sealmount ps --stale" },
    { does: "everything on the engine", line: "sealmount ps --all --any-app" },
  ],
  exits: [0, 2, 6, 9],
  notes: [
    "Values are compared by keyed digests, so the app's key is needed. Without it, without a " +
      "manifest, or with files that are gone, the status is unknown, with the reason; untrusted, " +
      "when that key has not signed the container's labels. --stale takes both for stale.",
  ],
  load: () => import("../commands/ps.ts"),
};

const REFRESH: CommandSpec = {
  name: "refresh",
  summary: "bring rotated values to containers that run",
  arguments: [CONTAINER],
  options: [
    { long: "all", about: "every running container of this app" },
    { ...OF_ENVIRONMENT, about: "with --all: only containers of that environment" },
    { long: "force", about: "write the files although no value has changed" },
    { long: "signal", value: "SIG", about: "then send the program a signal, such as HUP" },
    { long: "exec", value: "CMD", about: "then run a shell command in the container" },
    KEY_FILE,
    ...ENGINE,
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "after sealmount set API_KEY --env prod", line: "sealmount refresh web" },
    {
      does: "and have nginx read its certificate again",
      line: "sealmount refresh web -- nginx -s reload",
    },
    { does: "all of prod", line: "sealmount refresh --all --env prod --signal HUP" },
  ],
  exits: [0, 2, 3, 4, 5, 6, 9, 130],
  notes: [
    "Options end at the first container. Each file is replaced at one moment: a reader finds the " +
      "old value or the new one. Variables, and files that are mounted alone, only a new container " +
      "gets: they are listed, and the exit code is 9. Signal and command (as --exec, or behind " +
      "--) follow only when a file was replaced. A container whose labels are not signed by the " +
      "app's key gets nothing, and the exit code is 9.",
  ],
  stopAtOperand: true,
  load: () => import("../commands/refresh.ts"),
};

const REVOKE: CommandSpec = {
  name: "revoke",
  summary: "take the secrets of containers away at once; they keep running",
  arguments: [CONTAINER],
  options: [
    { long: "all", about: "every container of this app, stopped ones too" },
    { ...OF_ENVIRONMENT, about: "with --all: only containers of that environment" },
    ...APP,
    ...ENGINE,
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "one container", line: "sealmount revoke web" },
    { does: "every container of prod", line: "sealmount revoke --all --env prod" },
    { does: "without its manifest", line: "sealmount revoke --app cats web" },
  ],
  exits: [0, 2, 3, 6, 9, 130],
  notes: [
    "No key is needed. Files are empty afterwards, and the container can't be started again. " +
      "Variables can't be taken from a program: they are listed, and the exit code is 9.",
  ],
  load: () => import("../commands/revoke.ts"),
};

const DOWN: CommandSpec = {
  name: "down",
  summary: "revoke, stop and remove containers, with everything of their secrets",
  arguments: [CONTAINER],
  options: [
    { long: "all", about: "every container of this app, stopped ones too" },
    { ...OF_ENVIRONMENT, about: "with --all: only containers of that environment" },
    ...APP,
    {
      long: "timeout",
      value: "SECONDS",
      fallback: "10",
      about: "how long a program may take to end before it is killed",
    },
    ...ENGINE,
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "one container", line: "sealmount down web" },
    { does: "all of prod", line: "sealmount down --all --env prod" },
    { does: "without waiting", line: "sealmount down --timeout 0 web" },
  ],
  exits: [0, 2, 3, 6, 130],
  load: () => import("../commands/down.ts"),
};

const AGENT: CommandSpec = {
  name: "agent",
  summary: "bring files back to containers after each start, where a stop empties them",
  arguments: [],
  options: [
    { ...ENVIRONMENT, about: "environment whose containers get their values" },
    KEY_FILE,
    ...ENGINE,
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    {
      does: "for the app's containers on a remote engine",
      line: "sealmount agent --host ssh://box",
    },
    {
      does: "of prod alone, with a key of its own",
      line: "sealmount agent --env prod --key-file k",
    },
    { does: "one JSON object for each container, on stdout", line: "sealmount agent --json" },
  ],
  exits: [0, 2, 3, 6],
  notes: [
    "For containers of run --agent, such as run -d --agent --restart always cats, on engines that can't read this machine's memory. They wait " +
      "until the agent has brought their files, with the values of now. It runs until it is " +
      "told to end (SIGTERM, Ctrl-C), reads manifest and keys anew each time, and waits for an " +
      "engine that is away.",
  ],
  load: () => import("../commands/agent.ts"),
};

export const LIVE_SPECS: readonly CommandSpec[] = [PS, REFRESH, REVOKE, DOWN, AGENT];
