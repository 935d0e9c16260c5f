/** What one build serves: the allow-list, the count of openings, and the first failure. */
import { escapeControl } from "../docker/errors.ts";
import { BuildError } from "../errors.ts";
import type { Secret } from "../secret/secret.ts";
import { MAX_SECRET_BYTES, type SecretStore } from "../session/secrets/service.ts";
import type { BuildSecrets } from "./options.ts";
import type { SourceLogins } from "./source-logins.ts";

/** Who is told of openings, and where the engine's own questions go. */
export interface ServingOptions {
  /** Told why a secret could not be opened; the engine only hears that it was not. */
  onFailure(this: void, error: Error): void;
  /** Told of each opening for the engine, before the value leaves; of no other opening. */
  onOpened?(this: void, id: string): void;
  /** For `GIT_AUTH_*` and `HTTP_AUTH_*`, where no secret of that very name is declared. */
  readonly logins?: SourceLogins | undefined;
}

/**
 * A {@link SecretStore} over the build's secrets. Only declared ids are ever opened; of what the engine
 * asks for on its own, `GIT_AUTH_*` and `HTTP_AUTH_*`, also the login of exactly that host.
 */
export class ServedSecrets implements SecretStore {
  readonly #secrets: BuildSecrets;
  readonly #ids: ReadonlySet<string>;
  readonly #opened = new Map<string, number>();
  readonly #o: ServingOptions;

  constructor(secrets: BuildSecrets, o: ServingOptions) {
    this.#secrets = secrets;
    this.#ids = new Set(secrets.ids);
    this.#o = o;
  }

  /** Openings by id. */
  get opened(): ReadonlyMap<string, number> {
    return this.#opened;
  }

  async get(id: string): Promise<Buffer | null> {
    const { logins, onOpened, onFailure } = this.#o;
    try {
      const secret = await (this.#ids.has(id)
        ? this.#secrets.open(id)
        : (logins?.open(id) ?? null));
      if (secret === null) return null;
      const value = copyOf(id, secret);
      this.#opened.set(id, (this.#opened.get(id) ?? 0) + 1);
      onOpened?.(id);
      return value;
    } catch (error) {
      onFailure(error instanceof Error ? error : new Error(`secret ${id} can't be opened`));
      throw error;
    }
  }
}

/**
 * A copy for the wire, in memory of its own; the session wipes it.
 *
 * @throws {@link BuildError} BUILD_SECRET_SIZE over 500 KiB
 */
function copyOf(id: string, secret: Secret): Buffer {
  return secret.use((bytes) => {
    if (bytes.length > MAX_SECRET_BYTES) throw tooLarge(id);
    const copy = Buffer.allocUnsafeSlow(bytes.length);
    bytes.copy(copy);
    return copy;
  });
}

/** The error for a secret that docker's own client could not serve either. */
export function tooLarge(id: string): BuildError {
  return new BuildError(
    "BUILD_SECRET_SIZE",
    `build secret ${escapeControl(id)} has more than ${MAX_SECRET_BYTES} bytes, the most that a build can mount`,
    { hint: "mount a key or a token, and fetch the large part with it" },
  );
}
