/** One CSV record, as docker's own client reads the long forms of its flags. */

/**
 * The fields of a record: a field in double quotes may hold commas, and `""` for a quote.
 *
 * @returns null when the quotes do not match
 */
export function csvFields(line: string): string[] | null {
  const fields: string[] = [];
  const pattern = /(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))(?=,|$)/gy;
  while (pattern.lastIndex < line.length || fields.length === 0) {
    const match = pattern.exec(line);
    if (match === null) return null;
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
  }
  return fields;
}

/** `KEY=VALUE` in its two parts; the value is undefined where there is no `=`. */
export function splitPair(text: string, mark = "="): [string, string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + mark.length)];
}

/** Many `KEY=VALUE` as a map; without `=` the value is empty, and later ones win. */
export function mapOfPairs(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const [key, value = ""] = splitPair(text);
      return [key, value];
    }),
  );
}
