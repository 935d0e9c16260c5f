import { looksLikePublicKey, parsePrivateKey, type KeyPair } from "../crypto/keypair.ts";
import { KeyStoreError } from "../errors.ts";
import { Secret } from "../secret/secret.ts";

const NEWLINE = 0x0a;
const COMMA = 0x2c;
const HASH = 0x23;

/**
 * Reads the private keys in a text: one or more, separated by white space or commas; lines that
 * begin with `#` are comments.
 *
 * @param text - stays owned by the caller
 * @param source - where the text is from, for errors
 * @returns the caller wipes them; none when the text is empty
 * @throws {@link KeyStoreError} KEY_INVALID naming the source and which word, never the word
 */
export async function parseKeys(text: Secret, source: string): Promise<KeyPair[]> {
  const words = text.use(splitWords);
  const pairs: KeyPair[] = [];
  try {
    for (const [index, word] of words.entries()) {
      const pair = await parsePrivateKey(word);
      if (pair === null) throw invalidKey(word, source, `word ${index + 1} of ${words.length}`);
      pairs.push(pair);
    }
    return pairs;
  } catch (error) {
    for (const { privateKey } of pairs) privateKey.wipe();
    throw error;
  } finally {
    for (const word of words) word.wipe();
  }
}

function invalidKey(word: Secret, source: string, position: string): KeyStoreError {
  if (looksLikePublicKey(word)) {
    return new KeyStoreError("KEY_INVALID", `${source} holds a public key (${position})`, {
      hint: "put the private key there, which begins with smk1_",
    });
  }
  return new KeyStoreError("KEY_INVALID", `${source} holds no valid private key (${position})`, {
    hint: "a key is smk1_ and 43 characters, as `sealmount key export` prints it",
  });
}

/** Each word as a Secret of its own. */
function splitWords(text: Buffer): Secret[] {
  const words: Secret[] = [];
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    if (i < text.length && text[i] === HASH && isLineStart(text, i)) {
      i = endOfLine(text, i);
      start = i + 1;
    } else if (i === text.length || isSeparator(text[i] ?? 0)) {
      if (i > start) words.push(Secret.take("key", Uint8Array.from(text.subarray(start, i))));
      start = i + 1;
    }
  }
  return words;
}

function isSeparator(byte: number): boolean {
  return byte <= 0x20 || byte === COMMA;
}

function isLineStart(text: Buffer, at: number): boolean {
  return at === 0 || text[at - 1] === NEWLINE;
}

function endOfLine(text: Buffer, at: number): number {
  const end = text.indexOf(NEWLINE, at);
  return end < 0 ? text.length : end;
}
