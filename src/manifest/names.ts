import { BUILD, COMMON } from "./model.ts";

/** Whether a name can be an environment variable: a letter or `_`, then letters, digits, `_`. */
export function isEnvName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/** Whether a name can be an environment to choose: no space, slash or control character. */
export function isEnvironmentName(name: string): boolean {
  return isOneWord(name) && name !== COMMON && name !== BUILD;
}

/**
 * Whether a text can name an app: it becomes a file name (`<app>.key`) and part of a namespace, so
 * no slash, space or control character, not `.` or `..`, at most 200 characters.
 */
export function isAppName(text: string): boolean {
  return isOneWord(text) && text.length <= 200;
}

function isOneWord(text: string): boolean {
  return /^[^\s\p{C}/\\]+$/u.test(text) && !["__proto__", ".", ".."].includes(text);
}

/** Whether a name can be the id of a build secret: printable, no comma or quote, at most 200. */
export function isBuildId(name: string): boolean {
  // BuildKit's and buildx's option lists are separated by commas and quoted as CSV
  return /^[^\s\p{C},"'=]+$/u.test(name) && name.length <= 200 && name !== "__proto__";
}

/** What a text that should be a public key looks like; no cryptography, only its shape. */
export function publicKeyShape(text: string): "public" | "private" | "neither" {
  if (text.startsWith("smk1_")) return "private";
  // 32 bytes are 43 characters of base64, and one padding character
  return /^smp1_[A-Za-z0-9_-]{43}$|^[A-Za-z0-9_-]{43}=?$|^[A-Za-z0-9+/]{43}=?$/.test(text)
    ? "public"
    : "neither";
}

/** Whether a text is base64 of one alphabet, padded or not, and of at least one byte. */
export function isBase64(text: string): boolean {
  const match = /^(?:[A-Za-z0-9_-]+|[A-Za-z0-9+/]+)(={0,2})$/.exec(text);
  if (!match) return false;
  const padding = match[1]?.length ?? 0;
  return padding === 0 ? text.length % 4 !== 1 : text.length % 4 === 0;
}

/** Whether a text starts with a date that exists, alone or with a time behind it. */
export function isDate(text: string): boolean {
  const match =
    /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:[Zz]|[+-]\d{2}:\d{2})?)?$/.exec(
      text,
    );
  if (!match) return false;
  const [year, month, day] = match.slice(1, 4).map(Number);
  const date = new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day));
  return date.getUTCMonth() + 1 === month && date.getUTCDate() === day;
}

/**
 * Whether a name is one that every JavaScript object has, such as `constructor`. It can name a
 * value, but no table: see iarna.ts.
 */
export function isInheritedName(name: string | undefined): boolean {
  return name !== undefined && name in Object.prototype;
}
