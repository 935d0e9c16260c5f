/** What other people's encoders make of a value: Node's own, and rules written down by hand. */
import type { Encoding } from "../../../src/needles/needle.ts";

/** One disguise of docs/verify.md. */
export interface Disguise {
  readonly encoding: Encoding;
  readonly name: string;
  readonly of: (value: string) => string | Buffer;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const lowered = (text: string): string =>
  text.replaceAll(/%../gu, (digits) => digits.toLowerCase());
const swapped = (text: string, pairs: Readonly<Record<string, string>>): string =>
  Array.from(text, (character) => pairs[character] ?? character).join("");
const json = (value: string): string => JSON.stringify(value).slice(1, -1);
const goJson = (value: string): string =>
  swapped(json(value), { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026" });
const ascii = (text: string): string =>
  text.replaceAll(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
const userinfo = (value: string): string => {
  const url = new URL("http://user@host/");
  // the setter leaves % alone
  url.password = value;
  return url.password;
};
const utf16be = (value: string): Buffer => Buffer.from(value, "utf16le").swap16();

/** RFC 4648, section 6, bit by bit. */
export function base32(text: string | Buffer): string {
  const bits = Array.from(Buffer.from(text), (byte) => byte.toString(2).padStart(8, "0")).join("");
  const groups = bits.match(/.{1,5}/gu) ?? [];
  return groups
    .map((group) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[Number.parseInt(group.padEnd(5, "0"), 2)])
    .join("");
}

export const DISGUISES: readonly Disguise[] = [
  { encoding: "raw", name: "raw", of: (value) => value },
  { encoding: "base64", name: "base64", of: base64 },
  { encoding: "base64", name: "base64 after one byte", of: (value) => base64(`:${value}`) },
  { encoding: "base64", name: "base64 after two bytes", of: (value) => base64(`u:${value}`) },
  {
    encoding: "base64",
    name: "base64 in a text",
    of: (value) => base64(`"password": "${value}",\n`),
  },
  {
    encoding: "base64url",
    name: "base64url",
    of: (value) => Buffer.from(value).toString("base64url"),
  },
  ...[0, 1, 2].flatMap((inner) =>
    [0, 1, 2].map((outer) => ({
      encoding: "base64-twice" as const,
      name: `base64 after ${inner}, twice after ${outer}`,
      of: (value: string) => base64("-".repeat(outer) + base64("-".repeat(inner) + value)),
    })),
  ),
  {
    encoding: "base64-twice",
    name: "base64 of base64url with a newline",
    of: (value) => base64(`${Buffer.from(`${value}\n`).toString("base64url")}\n`),
  },
  ...[0, 1, 2, 3, 4].map((before) => ({
    encoding: "base32" as const,
    name: `base32 after ${before}`,
    of: (value: string) => base32("-".repeat(before) + value),
  })),
  { encoding: "hex", name: "hex", of: (value) => Buffer.from(value).toString("hex") },
  {
    encoding: "hex",
    name: "HEX",
    of: (value) => Buffer.from(value).toString("hex").toUpperCase(),
  },
  { encoding: "percent", name: "encodeURIComponent", of: encodeURIComponent },
  {
    encoding: "percent",
    name: "encodeURIComponent, lower",
    of: (value) => lowered(encodeURIComponent(value)),
  },
  { encoding: "percent", name: "encodeURI", of: encodeURI },
  {
    encoding: "percent",
    name: "all but letters and digits",
    of: (value) =>
      value.replaceAll(/[^A-Za-z0-9]+/gu, (text) =>
        Buffer.from(text).toString("hex").replaceAll(/../gu, "%$&"),
      ),
  },
  {
    encoding: "percent",
    name: "form",
    of: (value) => new URLSearchParams({ v: value }).toString().slice(2),
  },
  { encoding: "percent", name: "password of a URL", of: userinfo },
  { encoding: "json", name: "JSON", of: json },
  { encoding: "json", name: "JSON in ASCII", of: (value) => ascii(json(value)) },
  { encoding: "json", name: "JSON of Go", of: goJson },
  { encoding: "json", name: "JSON with \\/", of: (value) => swapped(json(value), { "/": "\\/" }) },
  { encoding: "json-twice", name: "JSON in JSON", of: (value) => json(json(value)) },
  { encoding: "json-twice", name: "Go's JSON in JSON", of: (value) => json(goJson(value)) },
  { encoding: "json-twice", name: "Go's JSON in Go's JSON", of: (value) => goJson(goJson(value)) },
  {
    encoding: "json-twice",
    name: "ASCII JSON in JSON",
    of: (value) => json(ascii(json(value))),
  },
  {
    encoding: "shell",
    name: "single quotes",
    of: (value) => swapped(value, { "'": "'\\''" }),
  },
  {
    encoding: "shell",
    name: "double quotes",
    of: (value) => value.replaceAll(/["\\$`]/gu, String.raw`\$&`),
  },
  {
    encoding: "shell",
    name: "backslashes",
    of: (value) => value.replaceAll(/[^\w@%+=:,./\n\u0080-\u{10ffff}-]/gu, String.raw`\$&`),
  },
  {
    encoding: "html",
    name: "HTML, &quot; &#39;",
    of: (value) =>
      swapped(value, { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }),
  },
  {
    encoding: "html",
    name: "HTML, &#34; &#39;",
    of: (value) =>
      swapped(value, { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" }),
  },
  {
    encoding: "html",
    name: "HTML in numbers",
    of: (value) => value.replaceAll(/[<>&"']/gu, (each) => `&#${each.charCodeAt(0)};`),
  },
  {
    encoding: "html",
    name: "XML, &quot; &apos;",
    of: (value) =>
      swapped(value, { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" }),
  },
  {
    encoding: "utf16",
    name: "UTF-16, little-endian",
    of: (value) => Buffer.from(value, "utf16le"),
  },
  { encoding: "utf16", name: "UTF-16, big-endian", of: utf16be },
];
