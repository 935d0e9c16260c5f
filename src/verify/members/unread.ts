/** A member that was not searched, or not to its end. */
export interface UnreadMember {
  /** Path of the file in its layer; empty where it is known otherwise. */
  readonly path: string;
  /** Where inside of that file: `!/old.7z`; empty for the file itself. */
  readonly member: string;
  readonly reason: string;
}

/** Members that are named for one layer; more are only counted. */
const NAMED = 20;

/** What was not searched in a file, or in a layer: the first are named, all are counted. */
export class UnreadList {
  readonly #named: UnreadMember[] = [];
  #count = 0;

  get named(): readonly UnreadMember[] {
    return this.#named;
  }

  get count(): number {
    return this.#count;
  }

  add(unread: UnreadMember): void {
    this.#count++;
    if (this.#named.length < NAMED) this.#named.push(unread);
  }

  /** Adds what another list has, as members of one file. */
  addAll(path: string, other: Pick<UnreadList, "named" | "count">): void {
    for (const { member, reason } of other.named) this.add({ path, member, reason });
    this.#count += other.count - other.named.length;
  }
}
