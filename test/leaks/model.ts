/** What a case of the leak corpus is: how an image is made, and what `verify` must say of it. */
import type { Part, Where } from "../../src/verify/model.ts";
import type { ValueKind, Values } from "./values.ts";

/** The groups of README.md's table. */
export const GROUPS = [
  "layer",
  "disguise",
  "member",
  "config",
  "stage",
  "attestation",
  "honesty",
  "clean",
] as const;

export type Group = (typeof GROUPS)[number];

/** Where an engine keeps its images. */
export type Store = "overlay2" | "containerd";

/** What cases depend on. */
export interface EngineTraits {
  readonly store: Store;
  isAtLeast(major: number, minor: number): boolean;
}

/** A string with `{{NAME}}` for the value of a secret, and `{{BUILD}}` for a word of one build alone. */
export type Template = string;

/** One file of the build context, made when the test runs. */
export type ContextFile = Template | ((values: Values) => string);

/** One image with a known answer. */
export interface LeakCase {
  /** Unique; the title of its test. */
  readonly name: string;
  readonly group: Group;
  /** What is looked for, by full name (`prod/KEY`). A new value in every run. One password if left out. */
  readonly secrets?: Readonly<Record<string, ValueKind | ((values: Values) => string)>>;
  /** Values that belong to somebody else: they are in the image, and nobody looks for them. */
  readonly strangers?: Readonly<Record<string, ValueKind>>;
  /**
   * The Dockerfile's lines. Every secret and stranger is offered as a secret mount, its id the last
   * part of its name.
   */
  readonly dockerfile?: readonly Template[];
  /** In place of a Dockerfile: the context's `layer.tar` is imported as the only layer, byte for byte. */
  readonly imported?: true;
  /** Files of the context, by path. */
  readonly context?: Readonly<Record<string, ContextFile>>;
  /** A Python program that makes more of the context, with `tools.py` in scope. Holds no value. */
  readonly python?: string;
  readonly buildArgs?: Readonly<Record<string, Template | ((values: Values) => string)>>;
  /** What else `docker build` is told. */
  readonly build?: BuildSettings;
  /** Only engines with this store can make such an image. */
  readonly store?: Store;
  /** Every place that must be found; nothing else may be. Empty for a clean image. */
  readonly expect: readonly Expected[];
  /** Paths of files that the report must list as not unpacked; what is in them is not searched. */
  readonly unread?: readonly string[];
  /** Secrets that the report must list as unproved. */
  readonly unproved?: readonly string[];
}

/** Arguments of `docker build`. */
export interface BuildSettings {
  readonly labels?: Readonly<Record<string, Template>>;
  /** The stage that is built. */
  readonly target?: string;
  readonly provenance?: "max";
  /** More fields of `--output type=image`. */
  readonly output?: Template;
}

/** A place that must be found. */
export interface Expected {
  /** Full name; the case's only secret if left out. */
  readonly secret?: string;
  readonly where: Where;
  readonly part?: Part;
  /** Index from the bottom: 0 is the base image's only layer, 1 what the first COPY or RUN makes. */
  readonly layer?: number;
  /** As reported: masked. */
  readonly path: string;
  /** The encoding that the finding names; raw if left out. */
  readonly as?: string;
  readonly deleted?: true;
  /** First engine that puts the value there. */
  readonly since?: readonly [major: number, minor: number];
}

/** The secret that a case has when it says nothing else. */
export const KEY = "prod/KEY";

/** `KEY` of `prod/KEY`: the id of its mount, its name in templates. */
export function shortName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

type More = Omit<Partial<Expected>, "where" | "path">;

/** In the content of a file of the first layer on top of the base. */
export function inFile(path: string, more: More = {}): Expected {
  return { where: "layer", part: "content", layer: 1, path, ...more };
}

/** In a variable of the config. */
export function inEnv(path: string, more: More = {}): Expected {
  return { where: "env", path, ...more };
}

export function inLabel(path: string, more: More = {}): Expected {
  return { where: "label", path, ...more };
}

/** In another field of the config. */
export function inConfig(path: string, more: More = {}): Expected {
  return { where: "config", path, ...more };
}

/**
 * In the history.
 *
 * @param entry - 0 is the base image's only entry, 1 the first instruction behind FROM
 */
export function inHistory(entry: number, more: More = {}): Expected {
  return { where: "history", path: `history[${entry}]`, ...more };
}

/** In the history's line for ARG: older engines note only its name there. */
export function inArgument(entry: number, more: More = {}): Expected {
  return inHistory(entry, { since: [28, 0], ...more });
}

/** In what BuildKit says about the build. */
export function inAttestation(path: string, more: More = {}): Expected {
  return { where: "attestation", path, ...more };
}

/** Path of a member of an archive, or of several archives, as a finding writes it: `/a.zip!/b.tgz!/c`. */
export function inside(outer: string, ...members: readonly string[]): string {
  return [outer, ...members].join("!/");
}
