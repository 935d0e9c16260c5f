/** The values of an environment for one launch, opened and closed with what belongs to them. */
import type { ManifestIssue } from "../../errors.ts";
import { type KeySearch, searchKeys } from "../../keys/key-search.ts";
import { parseKeys } from "../../keys/key-text.ts";
import { Keyring } from "../../keys/keyring.ts";
import { chooseEnvironment } from "../../manifest/overlay.ts";
import { findProject, type Project } from "../../project/project.ts";
import type { Secret } from "../../secret/secret.ts";
import { openEnvironment, planEntries, type PlannedEntry } from "../../vault/environment.ts";
import type { KeyringSource } from "../../vault/open-entries.ts";
import type { Selection } from "../../vault/select.ts";
import { digestKeyOf } from "../live/digest-key.ts";
import type { RunOptions } from "../options.ts";
import { placesOf, type Places, type Surroundings } from "./surroundings.ts";

/** Whose values, and with which keys. */
export interface SecretsChoice {
  /** Default: the manifest is looked for, from the working folder upwards. */
  readonly project?: Project | undefined;
  /** Path of the manifest, or of its folder; default: SEALMOUNT_MANIFEST. */
  readonly manifest?: string | undefined;
  /** Default: SEALMOUNT_APPLING, else the app whose folder this is. */
  readonly appling?: string | undefined;
  /** Default: SEALMOUNT_ENV, else the manifest's own default, else `test`. */
  readonly environment?: string | undefined;
  readonly selection?: Selection | undefined;
  /** Private keys; stay the caller's. Default: looked for where the command line does. */
  readonly keyring?: Keyring | undefined;
  /** Text with one private key or more, as `key export` prints it; stays the caller's. */
  readonly key?: Secret | undefined;
  /** A key file, before all other places. */
  readonly keyFile?: string | undefined;
}

/** Names that are known before any value is opened. */
export interface ChosenSecrets {
  readonly project: Project;
  readonly environment: string;
  readonly places: Places;
  readonly entries: readonly PlannedEntry[];
}

/** What `run` needs of an opened environment; disposing it wipes values and keys. */
export interface OpenedSecrets
  extends Required<Pick<RunOptions, "entries" | "identity" | "digestKey">>, Disposable {
  /** In words, with their places. */
  readonly warnings: readonly string[];
}

/**
 * Finds the manifest and says what would be opened.
 *
 * @throws what `findProject`, `chooseEnvironment` and `planEntries` throw
 */
export async function chooseSecrets(o: SecretsChoice & Surroundings): Promise<ChosenSecrets> {
  const places = placesOf(o);
  const { env, cwd } = places;
  const file = o.manifest ?? nonEmpty(env["SEALMOUNT_MANIFEST"]);
  const appling = o.appling ?? nonEmpty(env["SEALMOUNT_APPLING"]);
  const project = o.project ?? (await findProject({ cwd, file, appling }));
  const { manifest } = project;
  const variable = env["SEALMOUNT_ENV"];
  const environment = chooseEnvironment({ flag: o.environment, variable, manifest });
  const entries = planEntries(project, { environment, selection: o.selection });
  return { project, environment, places, entries };
}

/**
 * Opens them, all or none.
 *
 * @param asFiles - names that are delivered as files
 * @throws what `openEnvironment` and the search for keys throw
 */
export async function openSecrets(
  o: SecretsChoice,
  { project, environment, places }: ChosenSecrets,
  asFiles: readonly string[],
): Promise<OpenedSecrets> {
  const { seal } = project.manifest;
  const { env, home } = places;
  using keys = await keysOf(o, { app: seal.app, env, home });
  const { selection } = o;
  const keyring = keys.find;
  const opened = await openEnvironment(project, { environment, keyring, env, selection, asFiles });
  try {
    const digestKey = (await digestKeyOf(seal, keyring, opened)) ?? undefined;
    return {
      entries: opened.entries,
      identity: { app: seal.app, environment },
      digestKey,
      warnings: [...project.manifest.warnings, ...opened.warnings].map(inWords),
      [Symbol.dispose]() {
        digestKey?.[Symbol.dispose]();
        opened[Symbol.dispose]();
      },
    };
  } catch (error) {
    opened[Symbol.dispose]();
    throw error;
  }
}

interface Keys extends Disposable {
  readonly find: KeyringSource;
}

/** Keys that were given, else the search for them; those that are ours are wiped at the end. */
async function keysOf(
  { keyring, key, keyFile }: SecretsChoice,
  where: Parameters<typeof searchKeys>[0],
): Promise<Keys> {
  if (keyring !== undefined) {
    return { find: async () => keyring, [Symbol.dispose]: () => undefined };
  }
  if (key === undefined) return searchKeys({ ...where, keyFile }) satisfies KeySearch;
  const source = "the given key";
  const pairs = await parseKeys(key, source);
  const given = new Keyring(
    pairs.map((pair) => ({ source, pair })),
    [source],
  );
  return { find: async () => given, [Symbol.dispose]: () => given.wipe() };
}

function inWords({ message, place }: ManifestIssue): string {
  const position = [place.file, place.line, place.column].filter((part) => part !== undefined);
  return position.length === 0 ? message : `${position.join(":")}: ${message}`;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
