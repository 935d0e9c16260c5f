import type { CommandSpec, OptionSpec } from "../spec.ts";
import { DRY_RUN, ENVIRONMENT, JSON_OUTPUT, MANIFEST } from "./options.ts";

/** The commands that read and edit the manifest; none of them needs a private key. */

/** The ways by which a value comes in; without one of them it is asked for, hidden. */
export const VALUE_OPTIONS: readonly OptionSpec[] = [
  { long: "stdin", about: "read the value from standard input, every byte of it" },
  { long: "value-file", value: "PATH", about: "read the value from a file, every byte of it" },
  { long: "trim", about: "with --stdin or --value-file: drop one final newline" },
];

const SCOPE: readonly OptionSpec[] = [
  { long: "env", value: "NAME", about: "environment that the value is for", fallback: "common" },
  { long: "common", about: "for every environment" },
  { long: "build", about: "a build secret: NAME is the id of the RUN mount" },
];

const INIT: CommandSpec = {
  name: "init",
  summary: "start an app: manifest, key, and lines in .gitignore and .dockerignore",
  arguments: [],
  options: [
    { long: "app", value: "NAME", about: "name of the app", fallback: "the folder's name" },
    {
      long: "public-key",
      value: "KEY",
      about: "seal for this key of somebody else, and make none here",
    },
    JSON_OUTPUT,
  ],
  examples: [
    { does: "start in the current folder", line: "sealmount init" },
    { does: "give the app a name", line: "sealmount init --app cats" },
    { does: "another folder", line: "sealmount init -C services/api" },
  ],
  exits: [0, 2, 3, 4, 9],
  load: () => import("../commands/init.ts"),
};

const SET: CommandSpec = {
  name: "set",
  summary: "seal a value into the manifest, new or in place of the old one",
  arguments: [
    {
      name: "NAME",
      about: "name of the variable, id of the build secret, or host of the registry",
    },
  ],
  options: [
    ...SCOPE,
    {
      long: "type",
      value: "TYPE",
      choices: ["registry"],
      about: "a login for pulls, into [registries]: NAME is the host, the value its password",
    },
    {
      long: "username",
      value: "NAME",
      about: "with --type registry: who logs in; without it the value is an identity token",
    },
    ...VALUE_OPTIONS,
    { long: "file", value: "PATH", about: "deliver as a file at PATH in the container" },
    { long: "owner", value: "USER", about: "with --file: owner, a name or uid[:gid]" },
    { long: "mode", value: "MODE", about: "with --file: octal mode", fallback: "0600" },
    { long: "new", about: "refuse (exit 9) when the name exists" },
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "asked for, hidden", line: "sealmount set API_KEY --env prod" },
    {
      does: "the token of another program, for a RUN mount",
      line: "vault read -field=token npm | sealmount set npm-token --build --stdin --trim",
    },
    {
      does: "a file in the container, readable by its user alone",
      line:
        "sealmount set GCP --env prod --value-file gcp.json " +
        "--file /run/secrets/gcp.json --owner app --mode 0400",
    },
  ],
  exits: [0, 2, 3, 4, 9, 130],
  notes: [
    "The value is read as bytes and never from an argument. Only the public key of the manifest " +
      "is used: whoever has the file can seal, nobody can read back.",
    "A login for pulls: sealmount set ghcr.io --type registry --username bot. Docker Hub is docker.io.",
  ],
  takesSecret: true,
  load: () => import("../commands/set.ts"),
};

const LS: CommandSpec = {
  name: "ls",
  summary: "list names and what is known about them, never a value",
  arguments: [],
  options: [
    { long: "env", value: "NAME", fallback: "every scope", about: "what a container of NAME gets" },
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "every scope", line: "sealmount ls" },
    { does: "what a container of prod gets", line: "sealmount ls --env prod" },
    { does: "for a program", line: "sealmount ls --json" },
  ],
  exits: [0, 2, 3],
  load: () => import("../commands/ls.ts"),
};

const CHECK: CommandSpec = {
  name: "check",
  summary: "validate the manifest, or that names exist; needs no private key",
  arguments: [{ name: "NAME", about: "names that must be there", optional: true, repeat: true }],
  options: [
    ENVIRONMENT,
    {
      long: "dockerfile",
      value: "FILE",
      repeat: true,
      about:
        "see too that no step of it writes a mounted secret to a file of the image, and that no ARG or " +
        "ENV is named as one (exit 9)",
    },
    { long: "strict", about: "warnings are errors" },
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "the manifest and a Dockerfile", line: "sealmount check --dockerfile Dockerfile" },
    {
      does: "two names, for prod: exit 3 lists the missing",
      line: "sealmount check --env prod API_KEY DB_URL",
    },
    { does: "as a gate in CI", line: "sealmount check --strict --json" },
  ],
  exits: [0, 2, 3, 4, 9],
  load: () => import("../commands/check.ts"),
};

const ONLY_SCOPE = "the only scope that has the name";

const RM: CommandSpec = {
  name: "rm",
  summary: "remove a value from the manifest; comments stay",
  arguments: [{ name: "NAME", about: "name to remove" }],
  options: [
    { long: "env", value: "NAME", about: "environment to remove it from", fallback: ONLY_SCOPE },
    { long: "common", about: "remove it from the common values" },
    { long: "build", about: "remove the build secret" },
    { long: "force", about: "also when something still uses it" },
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "from the one scope that has it", line: "sealmount rm API_KEY" },
    { does: "from one environment", line: "sealmount rm API_KEY --env prod" },
    { does: "a build secret", line: "sealmount rm npm-token --build" },
  ],
  exits: [0, 2, 3, 9],
  load: () => import("../commands/rm.ts"),
};

const IMPORT: CommandSpec = {
  name: "import",
  summary: "seal what another tool keeps on this machine: docker's logins",
  arguments: [],
  options: [
    {
      long: "docker-auth",
      value: "HOST",
      repeat: true,
      about: "the login that docker has for HOST, into [registries]; a credential helper is asked",
    },
    { long: "force", about: "replace the login that the manifest has (else exit 9)" },
    DRY_RUN,
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    {
      does: "after docker login ghcr.io, for machines where nobody logs in",
      line: "sealmount import --docker-auth ghcr.io",
    },
    {
      does: "two of them, or none: one is Docker Hub",
      line: "sealmount import --docker-auth docker.io --docker-auth registry.example.com:5000",
    },
    {
      does: "where a login would come from; no helper is started",
      line: "sealmount import --dry-run --docker-auth ghcr.io",
    },
  ],
  exits: [0, 2, 3, 4, 6, 9, 130],
  notes: [
    "Logins are looked for where docker does it: DOCKER_AUTH_CONFIG, then credHelpers, credsStore " +
      "and auths of its config.json, which is only read. Only the public key of the manifest is used.",
  ],
  load: () => import("../commands/import.ts"),
};

export const MANIFEST_SPECS: readonly CommandSpec[] = [INIT, SET, LS, CHECK, RM, IMPORT];
