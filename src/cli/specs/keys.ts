import type { CommandSpec } from "../spec.ts";
import { JSON_OUTPUT, MANIFEST } from "./options.ts";

/** The commands on private keys. Only `key export` ever prints one. */

const APP = {
  long: "app",
  value: "NAME",
  about: "app that the key is for",
  fallback: "[seal] app of the manifest",
} as const;

const ADD = {
  long: "add",
  about: "put it behind the keys that the app has already, one for each scope",
} as const;

const KEY_NEW: CommandSpec = {
  name: "key new",
  summary: "make a key pair: keep the private half, print the public half",
  arguments: [],
  options: [APP, ADD, ...MANIFEST, JSON_OUTPUT],
  examples: [
    { does: "for the app of the manifest here", line: "sealmount key new" },
    { does: "for another app", line: "sealmount key new --app cats" },
    { does: "one more, for prod alone: goes into [seal.keys]", line: "sealmount key new --add" },
  ],
  exits: [0, 2, 3, 9],
  notes: ["The file is written with mode 0600 in a folder of mode 0700; an existing one stays."],
  load: () => import("../commands/key-new.ts"),
};

const KEY_LS: CommandSpec = {
  name: "key ls",
  summary: "list the keys that can be found: app, fingerprint, place",
  arguments: [],
  options: [JSON_OUTPUT],
  examples: [
    { does: "all keys of the key folder", line: "sealmount key ls" },
    { does: "for a program", line: "sealmount key ls --json" },
    { does: "of another user's configuration", line: "XDG_CONFIG_HOME=/srv/ci sealmount key ls" },
  ],
  exits: [0, 2, 4],
  load: () => import("../commands/key-ls.ts"),
};

const KEY_EXPORT: CommandSpec = {
  name: "key export",
  summary: "print the private key, for the one variable of a CI store",
  arguments: [],
  options: [
    APP,
    {
      long: "public-key",
      value: "KEY",
      about: "only the private half of this key",
      fallback: "every key of the app",
    },
    { long: "yes", about: "print it on a terminal, too" },
    ...MANIFEST,
    { ...JSON_OUTPUT, about: "errors as JSON on stderr; the key itself stays plain" },
  ],
  examples: [
    { does: "into a CI store", line: "sealmount key export | gh secret set SEALMOUNT_KEY" },
    {
      does: "onto another machine",
      line: "sealmount key export | ssh host sealmount key import --app cats --stdin",
    },
    { does: "on the screen, on purpose", line: "sealmount key export --app cats --yes" },
  ],
  exits: [0, 2, 3, 4],
  load: () => import("../commands/key-export.ts"),
};

const KEY_IMPORT: CommandSpec = {
  name: "key import",
  summary: "put a private key into the key folder",
  arguments: [],
  options: [
    APP,
    { long: "stdin", about: "read the key from standard input" },
    { long: "value-file", value: "PATH", about: "read the key from a file" },
    ADD,
    ...MANIFEST,
    JSON_OUTPUT,
  ],
  examples: [
    { does: "asked for, hidden", line: "sealmount key import" },
    {
      does: "from a password manager",
      line: "pass show cats/key | sealmount key import --app cats --stdin",
    },
    { does: "from a file", line: "sealmount key import --app cats --value-file cats.key" },
  ],
  exits: [0, 2, 3, 4, 9, 130],
  takesSecret: true,
  load: () => import("../commands/key-import.ts"),
};

export const KEY_SPECS: readonly CommandSpec[] = [KEY_NEW, KEY_LS, KEY_EXPORT, KEY_IMPORT];
