import { join } from "node:path";
import { KeyStoreError } from "../errors.ts";
import { Secret } from "../secret/secret.ts";
import { runKeyCommand } from "./key-command.ts";
import { parseKeys } from "./key-text.ts";
import { Keyring, type FoundKey } from "./keyring.ts";
import { checkedApp, configFile, keyFilePath, type Home } from "./places.ts";
import { readKeyFile } from "./read-key-file.ts";
import { readUserConfig } from "./user-config.ts";
import { KEY_FILE_VARIABLE, KEY_VARIABLE } from "./variables.ts";

/** Where container engines put secrets. */
const RUN_SECRETS = "/run/secrets";

/** Where to look for private keys. */
export interface KeySourceOptions extends Home {
  /** The app whose keys are wanted: part of the names of two places. */
  readonly app: string;
  /** `--key-file`. */
  readonly keyFile?: string | undefined;
  /**
   * Public keys of what is to be opened. When all of them were found, the places after that are
   * not looked at; in particular, `key_command` is not run. Default: look everywhere, and run
   * `key_command` only when no key was found.
   */
  readonly wanted?: readonly string[] | undefined;
  /** Default: `/run/secrets`. */
  readonly runSecrets?: string | undefined;
}

/** One place: its name for errors, and how to read it. Null: there is nothing there. */
interface KeySource {
  readonly name: string;
  /** Named by the user, so that it must hold a key. */
  readonly isExplicit?: boolean;
  readonly read: () => Promise<Secret | null>;
}

/**
 * Looks for private keys, place by place: `--key-file`, SEALMOUNT_KEY, SEALMOUNT_KEY_FILE,
 * `$CREDENTIALS_DIRECTORY/sealmount.<app>`, `/run/secrets/sealmount_key`,
 * `$XDG_CONFIG_HOME/sealmount/keys/<app>.key`, `key_command` of the user's settings.
 *
 * @returns at least one key; the caller disposes it
 * @throws {@link KeyStoreError} KEY_NOT_FOUND with every place that was tried; KEY_FILE_MODE,
 * KEY_INVALID and KEY_COMMAND for a place that must not or can't be used, unless keys were found
 * before it and the place is one of the usual ones, not named by the user
 */
export async function findKeys(options: KeySourceOptions): Promise<Keyring> {
  checkedApp(options.app);
  const search = new Search(options.wanted ?? []);
  try {
    for (const source of sourcesOf(options)) {
      if (!search.isDone) await search.look(source);
    }
    if (!search.isDone) await search.look(commandSource(options, search.mayAsk));
    return search.finish(options.app);
  } catch (error) {
    for (const { pair } of search.keys) pair.privateKey.wipe();
    throw error;
  }
}

/**
 * Looks for private keys where nobody is asked and nothing is started: all places but `key_command`.
 * A place that must not or can't be used is passed over.
 *
 * @returns perhaps without any key; the caller disposes it
 */
export async function findKeysQuietly(options: KeySourceOptions): Promise<Keyring> {
  checkedApp(options.app);
  const search = new Search(options.wanted ?? []);
  for (const source of sourcesOf(options)) if (!search.isDone) await search.tryAt(source);
  return search.found;
}

/** What was found so far. */
class Search {
  readonly keys: FoundKey[] = [];
  readonly #tried: string[] = [];
  readonly #wanted: readonly string[];

  constructor(wanted: readonly string[]) {
    this.#wanted = wanted;
  }

  /** Every key that is wanted was found. */
  get isDone(): boolean {
    return this.#wanted.length > 0 && this.#wanted.every((text) => this.#has(text));
  }

  /** A command that may ask its user something is worth it. */
  get mayAsk(): boolean {
    return this.keys.length === 0 || this.#wanted.length > 0;
  }

  async look(source: KeySource): Promise<void> {
    try {
      const found = await readSource(source);
      this.#tried.push(found === null ? `${source.name} (none there)` : source.name);
      for (const key of found ?? []) this.#add(key);
    } catch (error) {
      const mayGoOn = this.keys.length > 0 && source.isExplicit !== true;
      if (!mayGoOn || !(error instanceof KeyStoreError)) throw error;
      this.#tried.push(`${source.name} (refused: ${error.message})`);
    }
  }

  /** As {@link look}; a place that can't be used is as one without keys. */
  async tryAt(source: KeySource): Promise<void> {
    try {
      await this.look(source);
    } catch (error) {
      if (!(error instanceof KeyStoreError)) throw error;
      this.#tried.push(`${source.name} (refused: ${error.message})`);
    }
  }

  get found(): Keyring {
    return new Keyring(this.keys, this.#tried);
  }

  finish(app: string): Keyring {
    if (this.keys.length > 0) return this.found;
    const places = this.#tried.map((place) => place.replace(" (none there)", "")).join(", ");
    throw new KeyStoreError("KEY_NOT_FOUND", `no private key for app ${app}; tried ${places}`, {
      hint: "put the key in one of them, or run `sealmount key import`",
    });
  }

  #add(key: FoundKey): void {
    if (this.#has(key.pair.publicKey.text)) key.pair.privateKey.wipe();
    else this.keys.push(key);
  }

  #has(publicKey: string): boolean {
    return this.keys.some(({ pair }) => pair.publicKey.text === publicKey);
  }
}

async function readSource({ name, isExplicit, read }: KeySource): Promise<FoundKey[] | null> {
  using text = await read();
  const pairs = text === null ? [] : await parseKeys(text, name);
  if (pairs.length > 0) return pairs.map((pair) => ({ source: name, pair }));
  if (isExplicit !== true) return null;
  const what = text === null ? "does not exist" : "holds no key";
  throw new KeyStoreError("KEY_NOT_FOUND", `${name} ${what}`, {
    hint: "name a file that holds a private key, or leave it out",
  });
}

function sourcesOf(options: KeySourceOptions): KeySource[] {
  const { env, keyFile, app } = options;
  const keyFileVariable = env[KEY_FILE_VARIABLE] ?? "";
  const credentials = env["CREDENTIALS_DIRECTORY"] ?? "";
  const runSecrets = options.runSecrets ?? RUN_SECRETS;
  const managed = [runSecrets, ...(credentials === "" ? [] : [credentials])];
  const file = (path: string): KeySource => ({
    name: path,
    read: async () => readKeyFile(path, { source: path, managedFolders: managed }),
  });
  const named = (name: string, path: string): KeySource => ({
    name: path === "" ? name : `${name} (${path})`,
    isExplicit: path !== "",
    read: async () =>
      path === ""
        ? null
        : readKeyFile(path, { source: `${name} ${path}`, managedFolders: managed, pipe: true }),
  });
  return [
    named("--key-file", keyFile ?? ""),
    { name: KEY_VARIABLE, read: async () => Promise.resolve(textOf(env[KEY_VARIABLE])) },
    named(KEY_FILE_VARIABLE, keyFileVariable),
    credentials === ""
      ? nothingAt(`$CREDENTIALS_DIRECTORY/sealmount.${app}`)
      : file(join(credentials, `sealmount.${app}`)),
    file(join(runSecrets, "sealmount_key")),
    file(keyFilePath(options)),
  ];
}

function commandSource(options: KeySourceOptions, mayAsk: boolean): KeySource {
  const name = `key_command in ${configFile(options)}`;
  if (!mayAsk) return nothingAt(name);
  return {
    name,
    read: async () => {
      const { keyCommand } = await readUserConfig(options);
      if (keyCommand === undefined) return null;
      return runKeyCommand({ command: keyCommand, app: options.app, env: options.env });
    },
  };
}

function nothingAt(name: string): KeySource {
  return { name, read: async () => Promise.resolve(null) };
}

function textOf(value: string | undefined): Secret | null {
  return value === undefined ? null : Secret.take(KEY_VARIABLE, Buffer.from(value));
}
