import type { CommandSpec, OptionSpec } from "../spec.ts";
import { DOCKER_RUN } from "./docker-run.ts";
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
  {
    long: "strict",
    about: "refuse what is only warned about: files of the image where secrets go",
  },
  {
    long: "via",
    value: "TOOL",
    choices: ["docker", "podman", "nerdctl"],
    fallback: "sealmount's own client",
    about: "hand over to this command line: --via TOOL [OPTIONS] -- [its own options] IMAGE …",
  },
  {
    long: "agent",
    about: "sealmount agent brings the files back after each restart; until then the program waits",
  },
];

const LOGINS: readonly OptionSpec[] = [
  {
    long: "image-pull-secret",
    value: "NAME",
    about: "pull with the logins of this secret, a docker config.json, and no others",
  },
  { long: "host-auth", about: "pull with docker's own logins only, without [registries]" },
];

const VARIABLES: readonly OptionSpec[] = [
  {
    long: "env-hidden",
    about: "variables that docker inspect, the engine's disk and docker commit never see",
  },
  { long: "env-as-file", about: "each secret as a file; the variable NAME_FILE has its path" },
  {
    long: "env-plain",
    about: "secrets in docker's own variables, without a warning",
    fallback: "[run] env of the manifest, else so, with a warning",
  },
];

/** A container with secrets. */
export const RUN: CommandSpec = {
  name: "run",
  summary: "run a container with the secrets of an environment",
  arguments: [
    { name: "IMAGE", about: "image to run; pulled when it is not there" },
    { name: "COMMAND", about: "program and arguments", optional: true, repeat: true },
  ],
  options: [
    ENVIRONMENT,
    ...SELECTION,
    ...VARIABLES,
    ...DELIVERY,
    ...LOGINS,
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
  exits: [0, 1, 2, 3, 4, 5, 9, 125, 126, 127, 130],
  notes: [
    "Options end at IMAGE. A secret without a file is an environment variable, which docker " +
      "inspect shows unless it is hidden; a file is on a read-only tmpfs below /run/secrets, and " +
      "inspect does not.",
    "Logins for a pull are opened when one is needed: [registries] of the manifest, else what " +
      "docker login left.",
    CODES_KEPT,
  ],
  stopAtOperand: true,
  elsewhere: "--via docker hands over to docker's own client, with all its options",
  load: () => import("../commands/run.ts"),
};
