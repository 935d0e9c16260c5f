/**
 * Characters of foreign text that may steer a terminal or hide text: C0 but tab and newline, DEL,
 * C1, and the bidirectional controls that show text in another order than it is.
 */
// oxlint-disable-next-line no-control-regex -- control characters are what this file is about
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Makes control characters of foreign text (a daemon's message, a file name, a child's output)
 * harmless by writing them as `\x1b` or `\u202e`. Tab and newline stay.
 */
export function visible(text: string): string {
  return text.replace(HIDDEN, (character) => {
    const code = character.charCodeAt(0);
    const digits = code.toString(16).padStart(code < 0x100 ? 2 : 4, "0");
    return code < 0x100 ? `\\x${digits}` : `\\u${digits}`;
  });
}
