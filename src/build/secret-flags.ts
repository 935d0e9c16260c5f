/** Docker's own `--secret id=…,src=…|env=…`, served beside the manifest's build secrets. */
import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";

import { escapeControl } from "../docker/errors.ts";
import { BuildError, UsageError } from "../errors.ts";
import { Secret } from "../secret/secret.ts";
import { malformed, readPairs } from "./flag-values.ts";
import type { BuildRequest, BuildSecrets } from "./options.ts";

/** Where one `--secret` takes its value. */
export interface SecretFlag {
  readonly id: string;
  /** Exactly one of both: a file, or a variable. */
  readonly source: { readonly file: string } | { readonly env: string };
}

/**
 * Reads the flags. As docker: `src` is a file or, with `type=env`, a variable; with neither, a
 * variable of the id's name if there is one, else a file of that name.
 *
 * @throws {@link UsageError} USAGE for an unknown key or no id, USAGE_CONFLICT for an id of both kinds
 */
export function readSecretFlags(request: BuildRequest, declared: readonly string[]): SecretFlag[] {
  const flags = (request.secretFlags ?? [])
    .filter((text) => text !== "")
    .map((text) => secretFlag(text, request));
  for (const [at, { id }] of flags.entries()) {
    const again = flags.findIndex((other) => other.id === id) !== at;
    if (!again && !declared.includes(id)) continue;
    throw new UsageError("USAGE_CONFLICT", `build secret ${escapeControl(id)} is given twice`, {
      hint: "leave out --secret, or take the id out of [build_secrets]",
    });
  }
  return flags;
}

const KEYS = new Set(["id", "type", "src", "source", "env"]);

function secretFlag(text: string, { env }: BuildRequest): SecretFlag {
  const pairs = readPairs(text, "--secret");
  if (pairs.some(([key]) => !KEYS.has(key))) throw malformed("--secret");
  const { type, src, source: given = src, ...rest } = Object.fromEntries(pairs);
  const variable = rest["env"] ?? (type === "env" ? given : undefined);
  const file = type === "env" ? undefined : given;
  const id = rest["id"] ?? idOf(file, variable);
  if (id === "") throw malformed("--secret");
  return {
    id,
    source: sourceOf(variable, file) ?? (env[id] === undefined ? { file: id } : { env: id }),
  };
}

function idOf(file: string | undefined, variable: string | undefined): string {
  return file === undefined ? (variable ?? "") : basename(file);
}

function sourceOf(
  env: string | undefined,
  file: string | undefined,
): SecretFlag["source"] | undefined {
  if (env !== undefined) return { env };
  return file === undefined ? undefined : { file };
}

/** The secrets of the manifest and of the flags as one. What it opens is wiped by `dispose`. */
export class JoinedSecrets implements BuildSecrets, Disposable {
  readonly ids: readonly string[];
  readonly #manifest: BuildSecrets;
  readonly #flags: ReadonlyMap<string, SecretFlag>;
  readonly #request: BuildRequest;
  /** By id; two steps may ask for the same one at the same time. */
  readonly #opening = new Map<string, Promise<Secret>>();
  readonly #opened: Secret[] = [];

  /** @param request - gives its working directory, its environment and the flags */
  constructor(manifest: BuildSecrets, request: BuildRequest) {
    const flags = readSecretFlags(request, manifest.ids);
    this.#manifest = manifest;
    this.#request = request;
    this.#flags = new Map(flags.map((flag) => [flag.id, flag]));
    this.ids = [...manifest.ids, ...this.#flags.keys()];
  }

  /** @throws {@link BuildError} BUILD_CONTEXT for a file that can't be read or a variable not set */
  async open(id: string): Promise<Secret | null> {
    const flag = this.#flags.get(id);
    if (flag === undefined) return this.#manifest.open(id);
    const opening = this.#opening.get(id) ?? this.#take(flag);
    this.#opening.set(id, opening);
    return opening;
  }

  /** Those of the flags that were opened so far: the mask of our caller does not know them. */
  get ofFlags(): readonly Secret[] {
    return this.#opened;
  }

  [Symbol.dispose](): void {
    for (const secret of this.#opened) secret.wipe();
  }

  async #take(flag: SecretFlag): Promise<Secret> {
    const secret = Secret.take(flag.id, await this.#bytesOf(flag));
    this.#opened.push(secret);
    return secret;
  }

  async #bytesOf({ id, source }: SecretFlag): Promise<Buffer> {
    const { cwd, env } = this.#request;
    if ("env" in source) {
      const value = env[source.env];
      if (value !== undefined) return Buffer.from(value, "utf8");
      throw unreadable(id, `the variable ${source.env} is not set`);
    }
    return readFile(resolve(cwd, source.file)).catch(() => {
      throw unreadable(id, `${source.file} can't be read`);
    });
  }
}

function unreadable(id: string, why: string): BuildError {
  return new BuildError(
    "BUILD_CONTEXT",
    `build secret ${escapeControl(id)} of --secret: ${escapeControl(why)}`,
  );
}
