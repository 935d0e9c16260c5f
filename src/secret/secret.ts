import process from "node:process";
import { inspect } from "node:util";

/**
 * A plaintext value in memory that cannot be printed.
 *
 * The bytes live in a buffer of their own (never Node's shared pool), behind one accessor,
 * {@link Secret.use}; every print path gives `[secret NAME]`. Wiping is best effort: the garbage
 * collector, the kernel and the engine keep copies that no program can reach (SECURITY.md).
 */
export class Secret implements Disposable {
  /** Name in the manifest, or a label; never derived from the value. */
  readonly name: string;
  /** Of a login's password: the user name that goes with it, which is no secret. */
  readonly username: string | undefined;
  readonly #parts: Secret[] = [];
  #bytes: Buffer | undefined;

  private constructor(name: string, bytes: Buffer, username?: string) {
    this.name = name;
    this.username = username;
    this.#bytes = bytes;
  }

  /**
   * Takes ownership of a value: copies the bytes, then overwrites the source with zeros.
   *
   * @param name - label shown wherever the value would be
   * @param source - the plaintext, any length; all zeros afterwards
   * @param username - of a login's password
   */
  static take(name: string, source: Uint8Array, username?: string): Secret {
    // Buffer.alloc never uses the pool that Buffer.from(string) shares between unrelated values
    const bytes = Buffer.alloc(source.byteLength);
    bytes.set(source);
    source.fill(0);
    return new Secret(name, bytes, username);
  }

  /** Secrets that this value holds in another form, such as the logins of a docker config.json. */
  get parts(): readonly Secret[] {
    return this.#parts;
  }

  /** Makes a secret a part of this one: it is wiped and copied with it. */
  adopt(part: Secret): void {
    this.#parts.push(part);
  }

  /**
   * The only door to the plaintext. The buffer belongs to this Secret: do not keep or return it.
   *
   * @throws Error when the Secret was wiped
   */
  use<T>(fn: (bytes: Buffer) => T): T {
    if (this.#bytes === undefined) throw new Error(`secret ${this.name} was wiped`);
    return fn(this.#bytes);
  }

  /** A copy under another name, with a life of its own. */
  copy(name: string = this.name, username = this.username): Secret {
    const copy = this.use((bytes) => Secret.take(name, Uint8Array.from(bytes), username));
    for (const part of this.#parts) copy.adopt(part.copy());
    return copy;
  }

  /** Compares two values in constant time (for equal lengths). */
  equals(other: Secret): boolean {
    // only here: node:crypto costs 4 to 8 ms to load (measured), and few commands compare
    const { timingSafeEqual } = process.getBuiltinModule("node:crypto");
    return this.use((a) => other.use((b) => a.length === b.length && timingSafeEqual(a, b)));
  }

  /** Overwrites the value with zeros and drops it. Safe to repeat. */
  wipe(): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
    for (const part of this.#parts.splice(0)) part.wipe();
  }

  [Symbol.dispose](): void {
    this.wipe();
  }

  toString(): string {
    return `[secret ${this.name}]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.toPrimitive](): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
