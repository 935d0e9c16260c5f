/**
 * Characters of foreign text that may steer a terminal or hide text: C0 but tab and newline, DEL,
 * C1, the line and paragraph separators, and the bidirectional controls and marks that show text in
 * another order than it is.
 */
const HIDDEN =
  // oxlint-disable-next-line no-control-regex -- control characters are what this file is about
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/**
 * Makes control characters of foreign text (a daemon's message, a file name, a child's output)
 * harmless by writing them as `\x1b` or `\u202e`. Tab and newline stay.
 */
export function visible(text: string): string {
  return text.replace(HIDDEN, escaped);
}

/** The same for text that must stay in its line, such as a name: tab and newline are escaped too. */
export function visibleLine(text: string): string {
  return visible(text).replace(/[\t\n]/gu, escaped);
}

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  const digits = code.toString(16).padStart(code < 0x100 ? 2 : 4, "0");
  return code < 0x100 ? `\\x${digits}` : `\\u${digits}`;
}
