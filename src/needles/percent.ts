import { EscapeTable } from "./escape-table.ts";

/** Percent encodings: which bytes the usual encoders leave as they are, and what a space becomes. */
interface PercentRule {
  /** Characters that stay, beside letters and digits. */
  readonly safe: string;
  readonly space?: "+";
}

/** RFC 3986 "unreserved". */
const UNRESERVED = "-_.~";
/** ECMAScript encodeURIComponent. */
const COMPONENT = "-_.!~*'()";
/** What the URL standard's path percent-encode set leaves. */
const URL_PATH = "!$%&'()*+,-./:;=@[\\]_|~";

const RULES: readonly PercentRule[] = [
  { safe: COMPONENT },
  { safe: "" },
  // Python quote(safe=""), PHP rawurlencode, jq @uri, curl
  { safe: UNRESERVED },
  // ECMAScript encodeURI
  { safe: "-_.!~*'();/?:@&=+$,#" },
  // Python quote
  { safe: `${UNRESERVED}/` },
  // Go url.PathEscape, and a password in Go's URLs
  { safe: `${UNRESERVED}$&+=:@` },
  { safe: `${UNRESERVED}$&+,;=` },
  // the URL standard: a password, a path, a query
  { safe: "!$%&'()*+,-._~" },
  { safe: URL_PATH },
  { safe: `${URL_PATH}?^\`{}` },
  { safe: `${URL_PATH.replace("'", "")}?^\`{}` },
  // forms: the URL standard and Java; Go and Python quote_plus; PHP urlencode; .NET; encodeURIComponent
  { safe: "*-._", space: "+" },
  { safe: UNRESERVED, space: "+" },
  { safe: "-_.", space: "+" },
  { safe: "-_.!*()", space: "+" },
  { safe: COMPONENT, space: "+" },
];

/** Each rule, in both cases of the hexadecimal digits. */
export function percentTables(): EscapeTable[] {
  return RULES.flatMap((rule) => [percentTable(rule, "upper"), percentTable(rule, "lower")]);
}

function percentTable({ safe, space }: PercentRule, letters: "upper" | "lower"): EscapeTable {
  return new EscapeTable((byte) => {
    const character = String.fromCharCode(byte);
    if (character === " " && space !== undefined) return space;
    if (/[A-Za-z0-9]/u.test(character) || safe.includes(character)) return undefined;
    const digits = byte.toString(16).padStart(2, "0");
    return `%${letters === "upper" ? digits.toUpperCase() : digits}`;
  });
}
