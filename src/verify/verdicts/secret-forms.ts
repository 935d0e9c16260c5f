import type { Needle } from "../../needles/needle.ts";
import type { LocalBox } from "./local-box.ts";

/** A secret as it is searched for: all its byte forms, which are found or not found together. */
export interface SecretForms {
  readonly secret: string;
  /**
   * Of the forms themselves, not of the value alone: when a disguise is added, or a login gets
   * another user name, the same value has another id and is searched for again.
   */
  readonly id: string;
  readonly needles: readonly Needle[];
}

/** Groups needles by their secret. Secrets of one name are one: a hit does not tell them apart. */
export function formsOf(needles: readonly Needle[], box: LocalBox): SecretForms[] {
  const groups = Map.groupBy(needles, ({ secret }) => secret);
  return [...groups].map(([secret, group]) => ({
    secret,
    id: box.nameOf(["forms", ...group.flatMap(partsOf)]),
    needles: group,
  }));
}

/** Every field but the name: whatever says how the bytes are looked for. */
function partsOf(needle: Needle): (string | Buffer)[] {
  const fields = Object.entries(needle).filter(([name]) => name !== "secret" && name !== "bytes");
  const sorted = fields.toSorted(([one], [other]) => (one < other ? -1 : 1));
  return [JSON.stringify(sorted), needle.bytes];
}
