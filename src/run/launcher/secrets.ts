/** The values of an environment for one launch, opened and closed with what belongs to them. */
import type { LoginStore } from "../../docker/registry-auth.ts";
import type { ManifestIssue } from "../../errors.ts";
import { type KeySearch, searchKeys } from "../../keys/key-search.ts";
import { parseKeys } from "../../keys/key-text.ts";
import { Keyring } from "../../keys/keyring.ts";
import type { VariableDelivery } from "../../manifest/model.ts";
import { chooseEnvironment } from "../../manifest/overlay.ts";
import { findProject, type Project } from "../../project/project.ts";
import type { Secret } from "../../secret/secret.ts";
import { openEnvironment, planEntries, type PlannedEntry } from "../../vault/environment.ts";
import { slotsThenDocker } from "../../vault/logins.ts";
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

/** How an image that is not there is pulled. */
export interface PullChoice extends Pick<RunOptions, "onPull"> {
  /** Default: the slots of the manifest, then what `docker login` left. */
  readonly auth?: LoginStore | undefined;
}

/** Names that are known before any value is opened. */
export interface ChosenSecrets {
  readonly project: Project;
  readonly environment: string;
  /** `[run] env` of the manifest. */
  readonly variables: VariableDelivery | undefined;
  readonly places: Places;
  readonly entries: readonly PlannedEntry[];
}

/** What `run` needs of an opened environment; disposing it wipes values and keys. */
export interface OpenedSecrets
  extends Required<Pick<RunOptions, "auth" | "entries" | "identity" | "digestKey">>, Disposable {
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
  return { project, environment, variables: manifest.run?.env, places, entries };
}

/**
 * Opens them, all or none.
 *
 * @param raw - names whose values may be any bytes
 * @throws what `openEnvironment` and the search for keys throw
 */
export async function openSecrets(
  o: OpenChoice,
  chosen: ChosenSecrets,
  raw: readonly string[],
): Promise<OpenedSecrets> {
  const { seal } = chosen.project.manifest;
  const { env, home } = chosen.places;
  const keys = await keysOf(o, { app: seal.app, env, home });
  try {
    return await openWith(keys, { o, chosen, raw });
  } catch (error) {
    keys[Symbol.dispose]();
    throw error;
  }
}

async function openWith(
  keys: Keys,
  {
    o,
    chosen,
    raw,
  }: {
    readonly o: OpenChoice;
    readonly chosen: ChosenSecrets;
    readonly raw: readonly string[];
  },
): Promise<OpenedSecrets> {
  const { project, environment, places } = chosen;
  const { selection, signal } = o;
  const { seal } = project.manifest;
  const keyring = keys.find;
  const { env } = places;
  const options = { environment, keyring, env, selection, asFiles: raw };
  const opened = await openEnvironment(project, options);
  try {
    const digestKey = (await digestKeyOf(seal, keyring, opened)) ?? undefined;
    return {
      auth: o.auth ?? slotsThenDocker(project, keyring, { ...places, signal }),
      entries: opened.entries,
      identity: { app: seal.app, environment },
      digestKey,
      warnings: [...project.manifest.warnings, ...opened.warnings].map(inWords),
      [Symbol.dispose]() {
        digestKey?.[Symbol.dispose]();
        opened[Symbol.dispose]();
        // a pull may have asked for a login until now
        keys[Symbol.dispose]();
      },
    };
  } catch (error) {
    opened[Symbol.dispose]();
    throw error;
  }
}

/** What the opening depends on. */
type OpenChoice = SecretsChoice & Surroundings & PullChoice;

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
