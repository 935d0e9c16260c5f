/** Values of the corpus: made anew in every run, so that none is in the repository or in a cache. */
import { createHmac, generateKeyPairSync, randomBytes, randomInt } from "node:crypto";

/** Values by the last part of their names. */
export type Values = Readonly<Record<string, string>>;

/**
 * - `password`: 24 letters and digits
 * - `special`: with what the usual escapes replace: `<>&"'\/+%$`, a backtick, a space, an umlaut, and
 *   runs that give `+` and `/` in base64 at each alignment
 * - `slashed`: two halves of 12 with a slash between them, as in a path
 * - `newline`: a password with a final newline, as an editor leaves it
 * - `pem`: an RSA key in PKCS #8, 16 lines
 * - `jwt`: a token with the header that all tokens of its kind have
 * - `digits`: 8 random digits: short, but no accident
 * - `pin`: 5 digits, too short to prove
 */
export type ValueKind =
  "password" | "special" | "slashed" | "newline" | "pem" | "jwt" | "digits" | "pin";

const MAKERS: Readonly<Record<ValueKind, () => string>> = {
  password: () => word(24),
  special: () => `${word(10)}>>>???<&"'\\/ +%$\`ö${word(6)}`,
  slashed: () => `${word(12)}/${word(12)}`,
  newline: () => `${word(24)}\n`,
  pem: () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  },
  jwt: () => jwt(word(24)),
  digits: () => `${randomInt(3, 10)}${String(randomInt(10_000_000)).padStart(7, "0")}`,
  pin: () => `7${String(randomInt(10_000)).padStart(4, "0")}`,
};

export function newValue(kind: ValueKind): string {
  return MAKERS[kind]();
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Letters and digits. */
export function word(length: number): string {
  return Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)]).join("");
}

/** A token signed with a key of its own. */
export function jwt(subject: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: subject, iat: 1_700_000_000 })}`;
  return `${signed}.${createHmac("sha256", randomBytes(32)).update(signed).digest("base64url")}`;
}

/** Puts values in place of `{{NAME}}`. @throws Error for a name that the case does not have */
export function fill(template: string, values: Values): string {
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value named ${name}`);
    return value;
  });
}
