import type { ErrorCode } from "../errors.ts";
import { nearMiss } from "./near-miss.ts";
import type { Problems } from "./problems.ts";
import { membersInOrder } from "./tree-model.ts";
import type { Spot, TomlArray, TomlMember, TomlScalar, TomlTable } from "./tree-model.ts";

/** What {@link Fields.complain} may add to its message. */
export interface Complaint {
  readonly hint?: string | undefined;
  readonly code?: ErrorCode;
}

/** Typed reading of one table; whatever is wrong is filed with its place and `undefined` comes back. */
export class Fields {
  readonly problems: Problems;
  readonly path: readonly string[];
  readonly at: Spot;
  readonly #table: TomlTable;

  constructor(problems: Problems, path: readonly string[], member: { at: Spot; node: TomlTable }) {
    this.problems = problems;
    this.path = path;
    this.at = member.at;
    this.#table = member.node;
  }

  has(name: string): boolean {
    return this.#table.members.has(name);
  }

  member(name: string): TomlMember | undefined {
    return this.#table.members.get(name);
  }

  /** Name and member of everything in the table, in file order. */
  members(): [string, TomlMember][] {
    return membersInOrder(this.#table);
  }

  /** A string with at least one character, none of them NUL. */
  text(name: string): string | undefined {
    const node = this.member(name)?.node;
    if (node === undefined) return undefined;
    if (node.kind !== "string") return this.complain(name, "this has to be text in quotes");
    if (node.text === "") return this.complain(name, "this is empty");
    return this.#refuseNul(name, node.text);
  }

  /** Any scalar as text: a string's value, or the characters of a number, boolean or date. */
  scalar(name: string): string | undefined {
    const node = this.member(name)?.node;
    if (node === undefined) return undefined;
    if (!isScalar(node)) return this.complain(name, "this has to be one text, number or boolean");
    return this.#refuseNul(name, node.text);
  }

  flag(name: string): boolean | undefined {
    const node = this.member(name)?.node;
    if (node === undefined) return undefined;
    if (node.kind !== "boolean") return this.complain(name, "this has to be true or false");
    return node.text === "true";
  }

  /** A table below this one. */
  table(name: string): Fields | undefined {
    const member = this.member(name);
    if (member === undefined) return undefined;
    const { at, node } = member;
    if (node.kind !== "table") return this.complain(name, "this has to be a section or { … }");
    return new Fields(this.problems, [...this.path, name], { at, node });
  }

  array(name: string): TomlArray | undefined {
    const node = this.member(name)?.node;
    if (node === undefined) return undefined;
    if (node.kind !== "array") return this.complain(name, "this has to be a list");
    return node;
  }

  /** Files a problem of one key; returns undefined for the caller to pass on. */
  complain(name: string, message: string, { hint, code }: Complaint = {}): undefined {
    const at = this.member(name)?.at ?? this.at;
    const path = [...this.path, name];
    this.problems.add({ at, path, message, hint, ...(code === undefined ? {} : { code }) });
  }

  /** Files each key that is none of ours, with the one that was probably meant. */
  refuseUnknown(known: readonly string[], what: string): void {
    for (const name of this.#table.members.keys()) {
      if (known.includes(name)) continue;
      const meant = nearMiss(name, known);
      this.complain(name, `this is no ${what}`, {
        hint: meant === undefined ? `known are: ${known.join(", ")}` : `did you mean ${meant}?`,
      });
    }
  }

  #refuseNul(name: string, text: string): string | undefined {
    if (!text.includes("\0")) return text;
    return this.complain(name, "this contains NUL, which no environment variable can hold", {
      code: "VALUE_INVALID",
      hint: "seal the bytes and deliver them as a file",
    });
  }
}

/** Whether a node is one value, not a list or table. */
export function isScalar(node: TomlMember["node"]): node is TomlScalar {
  return node.kind !== "table" && node.kind !== "array";
}
