import type { OptionSpec } from "../spec.ts";

/** Options that several commands share, each described once. */

/** Every command takes these. */
export const GLOBAL: readonly OptionSpec[] = [
  {
    long: "cwd",
    short: "C",
    value: "DIR",
    about: "work as if started in DIR",
    fallback: "the current folder",
  },
  { long: "debug", variable: "SEALMOUNT_DEBUG", about: "show the stack of an unexpected error" },
  { long: "no-color", variable: "NO_COLOR", about: "no color, also on a terminal" },
  { long: "help", about: "show this help" },
];

export const JSON_OUTPUT: OptionSpec = {
  long: "json",
  about: "data as JSON on stdout, errors as JSON on stderr",
};

/** Where the manifest is. `--manifest`, as `--file` means a delivered file here and in docker. */
export const MANIFEST: readonly OptionSpec[] = [
  {
    long: "manifest",
    value: "FILE",
    variable: "SEALMOUNT_MANIFEST",
    fallback: "iterapp.toml here or in a folder above",
    about: "the manifest to use",
  },
  {
    long: "appling",
    value: "NAME",
    variable: "SEALMOUNT_APPLING",
    fallback: "the one whose folder this is",
    about: "the app inside the app",
  },
];

export const ENVIRONMENT: OptionSpec = {
  long: "env",
  value: "NAME",
  variable: "SEALMOUNT_ENV",
  fallback: "default_environment of the manifest, else test",
  about: "environment whose values are laid over the common ones",
};

/** For commands that look at every environment unless told otherwise: the variable is not asked. */
export const ENVIRONMENTS: OptionSpec = {
  long: "env",
  value: "NAME",
  repeat: true,
  fallback: "every one that the keys here open",
  about: "environment whose secrets to look for",
};

export const KEY_FILE: OptionSpec = {
  long: "key-file",
  value: "FILE",
  fallback: "SEALMOUNT_KEY, SEALMOUNT_KEY_FILE, the systemd credential, the key folder",
  about: "private key to open values with",
};

export const ENGINE: readonly OptionSpec[] = [
  {
    long: "host",
    short: "H",
    value: "URL",
    fallback: "DOCKER_HOST, else the docker context",
    about: "engine to talk to",
  },
  {
    long: "context",
    value: "NAME",
    fallback: "DOCKER_CONTEXT, else the current one",
    about: "docker context to use",
  },
];

/** Which secrets of the environment are used. Globs: `*` and `?`. */
export const SELECTION: readonly OptionSpec[] = [
  { long: "only", value: "GLOB", repeat: true, about: "use only the matching names" },
  { long: "except", value: "GLOB", repeat: true, about: "leave the matching names out" },
  { long: "no-common", about: "leave out what [env.common] alone gives" },
];

export const DRY_RUN: OptionSpec = {
  long: "dry-run",
  about: "print the plan, names only, and do nothing",
};

export const NO_MASK: OptionSpec = {
  long: "no-mask",
  about: "do not replace secrets in the output by ***",
  fallback: "masked, but with --tty",
};

/** For commands that pass on a program's own code. */
export const CODES_KEPT =
  "The exit code is the program's own, 128+N for a signal. Failures of sealmount before the " +
  "start keep 2, 3, 4, 5 and 9; 126 and 127 are those of a shell; every other one is 125.";
