/** So many are named; a report with more helps nobody, and hostile documents name millions. */
const NAMED = 1000;

/** Things for a report: each once, the first thousand of them, and how many more there are. */
export class FirstOnes<T> {
  readonly #keys = new Set<string>();
  readonly #named: T[] = [];

  /** @param key - things with the same key are the same */
  add(key: string, thing: T): void {
    if (this.#keys.has(key)) return;
    this.#keys.add(key);
    if (this.#named.length < NAMED) this.#named.push(thing);
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0;
  }

  /** @param rest - stands for those that are not named */
  all(rest: (count: number) => T): readonly T[] {
    const more = this.#keys.size - this.#named.length;
    return more === 0 ? this.#named : [...this.#named, rest(more)];
  }
}
