/** Values to look for afterwards: random, so that no other text on the machine contains them. */
import { randomBytes } from "node:crypto";

/**
 * A canary: 40 characters with a mark of its own, a plus, a slash, a quote and an umlaut, so that its
 * percent, JSON and base64 forms all differ from it.
 */
export function canary(name = "canary"): string {
  return `${name}-${randomBytes(12).toString("hex")}+/"ö`;
}

/**
 * The forms in which a leaked canary may appear: as it is, its first part alone (a cut-off print),
 * hex, percent-encoded, JSON-escaped, reversed, and base64 at each of the three alignments.
 */
export function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const base64 = [0, 1, 2].flatMap((shift) => alignedBase64(bytes, shift));
  const escaped = JSON.stringify(value).slice(1, -1);
  return [
    ...new Set([
      value,
      value.slice(0, -4),
      bytes.toString("hex"),
      bytes.toString("hex").toUpperCase(),
      encodeURIComponent(value),
      escaped,
      JSON.stringify(escaped).slice(1, -1),
      value.split("").toReversed().join(""),
      [...bytes].join(","),
      ...base64,
    ]),
  ];
}

/** The characters that depend on the value alone when it starts at byte `shift` of a triple. */
function alignedBase64(bytes: Buffer, shift: number): string[] {
  const start = shift === 0 ? 0 : 4;
  const whole = Math.floor((shift + bytes.length) / 3) * 4;
  const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
  const standard = encoded.slice(start, whole);
  return [standard, standard.replaceAll("+", "-").replaceAll("/", "_")];
}

/** The forms of the canaries that `text` holds: empty when it is clean. */
export function leaksIn(text: string | Uint8Array, canaries: readonly string[]): string[] {
  const bytes = Buffer.from(text);
  return canaries.flatMap((value) => formsOf(value)).filter((form) => bytes.includes(form));
}
