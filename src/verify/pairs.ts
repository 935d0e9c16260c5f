import { trimmed } from "../needles/lines.ts";
import { provability } from "../needles/provability.ts";
import type { Secret } from "../secret/secret.ts";

/**
 * The check that is left for values too short or too common to search for: whether one stands,
 * whole, where an image keeps names with values. Under the secret's own name that is a leak
 * whatever the value; under another name only when the value is no accident.
 */
export interface UnprovedSecret {
  readonly secret: Secret;
  /** `API_KEY` of `prod/API_KEY`: the name a variable or build argument would have. */
  readonly ownName: string;
  /** Equal under any name is no accident: not a common word, and 4 bytes or more. */
  readonly isTelling: boolean;
}

const TELLING_LENGTH = 4;

/** The secrets whose absence can't be shown, prepared for {@link isPair}. */
export function unprovedOf(secrets: Iterable<Secret>): UnprovedSecret[] {
  return [...secrets]
    .filter((secret) => provability(secret) !== "provable")
    .map((secret) => ({
      secret,
      ownName: secret.name.slice(secret.name.lastIndexOf("/") + 1),
      isTelling:
        provability(secret) === "too-short" &&
        secret.use((bytes) => trimmed(bytes).length >= TELLING_LENGTH),
    }));
}

/** True when a variable, label or annotation of this name holds exactly this secret. */
export function isPair(unproved: UnprovedSecret, name: string, value: string): boolean {
  if (!unproved.isTelling && name !== unproved.ownName) return false;
  return unproved.secret.use((bytes) => {
    const wanted = trimmed(bytes);
    return wanted.length > 0 && trimmed(Buffer.from(value)).equals(wanted);
  });
}

/**
 * Offsets, in bytes, of the value of each `NAME=value` of this secret in an instruction, such as
 * `RUN |1 PIN=… /bin/sh -c …` or `ENV PIN=…`.
 */
export function pairsIn(unproved: UnprovedSecret, instruction: Buffer): number[] {
  const name = Buffer.from(`${unproved.ownName}=`);
  const found: number[] = [];
  for (let at = instruction.indexOf(name); at >= 0; at = instruction.indexOf(name, at + 1)) {
    const start = at + name.length;
    if (
      !isWordByte(instruction[at - 1]) &&
      startsWithValue(unproved, instruction.subarray(start))
    ) {
      found.push(start);
    }
  }
  return found;
}

/** Hides the value of every `NAME=value` of these secrets: the mask leaves short words alone. */
export function hidePairs(unproved: readonly UnprovedSecret[], instruction: string): string {
  let bytes: Buffer = Buffer.from(instruction);
  for (const secret of unproved) bytes = withoutPairs(secret, bytes);
  return bytes.toString();
}

function withoutPairs(secret: UnprovedSecret, bytes: Buffer): Buffer {
  const starts = pairsIn(secret, bytes);
  if (starts.length === 0) return bytes;
  const length = secret.secret.use((value) => trimmed(value).length);
  const parts: Buffer[] = [];
  let end = 0;
  for (const start of starts) {
    // "PIN=PIN=1": where the value of one is in the other, the first hides both
    if (start < end) continue;
    parts.push(bytes.subarray(end, start), HIDDEN);
    end = start + length;
  }
  return Buffer.concat([...parts, bytes.subarray(end)]);
}

const HIDDEN = Buffer.from("***");

function startsWithValue({ secret }: UnprovedSecret, text: Buffer): boolean {
  return secret.use((bytes) => {
    const value = trimmed(bytes);
    const isThere = value.length > 0 && text.subarray(0, value.length).equals(value);
    return isThere && !isWordByte(text[value.length]);
  });
}

/** Letters, digits, underscore, and all bytes of characters beyond ASCII. */
function isWordByte(byte: number | undefined): boolean {
  return byte !== undefined && (byte >= 0x80 || /\w/u.test(String.fromCharCode(byte)));
}
