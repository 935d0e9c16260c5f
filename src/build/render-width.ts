/**
 * Width of text on a terminal. A line that is too wide wraps, and then the next picture is drawn over
 * the wrong rows.
 */

/**
 * Scripts and symbols that take two cells (Unicode "East Asian Width" W and F, in whole blocks, and
 * emoji). Rough on purpose: a cell too many costs a space, one too few the picture.
 */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}|[\u{20000}-\u{3fffd}]/u;
/** Marks that are drawn on the character before them. */
const NARROW = /^(?:\p{Mark}|\u200d|\u200b)$/u;

/** Cells that a line takes. */
export function cells(text: string): number {
  let width = 0;
  for (const character of text) width += cellsOf(character);
  return width;
}

/** The beginning of a line that fits in so many cells. */
export function cut(text: string, width: number): string {
  let used = 0;
  let end = 0;
  for (const character of text) {
    used += cellsOf(character);
    if (used > width) break;
    end += character.length;
  }
  return text.slice(0, end);
}

function cellsOf(character: string): number {
  // the common case first: this runs for every character of every picture
  if (character < "\u0300") return 1;
  if (NARROW.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
