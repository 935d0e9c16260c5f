/** A value in every disguise, each made by a program that is not ours. */
import { inFile } from "../model.ts";
import type { LeakCase } from "../model.ts";
import { BASE, byNode, byShell, COPIED, mounted, SECRET } from "./dockerfile.ts";

const SPECIAL = { secrets: { "prod/KEY": "special" } } as const;
const PEM = { secrets: { "prod/KEY": "pem" } } as const;
const JWT = { secrets: { "prod/KEY": "jwt" } } as const;

/** The value behind some bytes, so that its encoding begins in the middle of a group or a line. */
const behind = (bytes: number): string =>
  `(head -c ${bytes} /dev/zero | tr '\\0' a; cat ${SECRET})`;

const found = (as: string): Pick<LeakCase, "expect"> => ({
  expect: [inFile("/app/config", { as })],
});

const BASES: readonly Omit<LeakCase, "group">[] = [
  { name: "base64", dockerfile: byShell(`base64 -w 0 ${SECRET}`), ...found("base64") },
  {
    name: "base64 behind one byte",
    dockerfile: byShell(`${behind(1)} | base64 -w 0`),
    ...found("base64"),
  },
  {
    name: "base64 behind two bytes",
    dockerfile: byShell(`${behind(2)} | base64 -w 0`),
    ...found("base64"),
  },
  {
    name: "base64 of special characters",
    ...SPECIAL,
    dockerfile: byShell(`base64 -w 0 ${SECRET}`),
    ...found("base64"),
  },
  {
    name: "base64 for addresses",
    ...SPECIAL,
    dockerfile: byNode('Buffer.from(value).toString("base64url")'),
    ...found("base64url"),
  },
  {
    name: "base64 for addresses behind one byte, by Python",
    ...SPECIAL,
    dockerfile: COPIED,
    python: `write("config", base64.urlsafe_b64encode(b"a" + value()))`,
    ...found("base64url"),
  },
  {
    name: "a login of docker",
    dockerfile: [BASE, "COPY config /root/.docker/config.json"],
    python: `
auth = base64.b64encode(b"robot:" + value()).decode()
write("config", json.dumps({"auths": {"registry.example.org": {"auth": auth}}}))`,
    expect: [inFile("/root/.docker/config.json", { as: "base64" })],
  },
  {
    name: "an Authorization header",
    dockerfile: byNode('"Authorization: Basic " + Buffer.from("me:" + value).toString("base64")'),
    ...found("base64"),
  },
  {
    name: "a Kubernetes manifest",
    dockerfile: [
      BASE,
      mounted(
        `(echo 'kind: Secret'; echo 'data:'; echo "  key: $(base64 -w 0 ${SECRET})") > /secret.yaml`,
      ),
    ],
    expect: [inFile("/secret.yaml", { as: "base64" })],
  },
  {
    name: "base64 of base64",
    dockerfile: byShell(`base64 -w 0 ${SECRET} | base64 -w 0`),
    ...found("base64-twice"),
  },
  {
    name: "base64 of base64, both in the middle of something",
    dockerfile: byShell(`(printf ab; ${behind(1)} | base64 -w 0) | base64 -w 0`),
    ...found("base64-twice"),
  },
  {
    name: "a login in a Kubernetes manifest: base64 of JSON with base64",
    dockerfile: [BASE, "COPY config /app/config"],
    python: `
auth = base64.b64encode(b"robot:" + value()).decode()
login = json.dumps({"auths": {"registry.example.org": {"auth": auth}}})
write("config", json.dumps({"data": {".dockerconfigjson": base64.b64encode(login.encode()).decode()}}))`,
    ...found("base64-twice"),
  },
  {
    name: "base32",
    dockerfile: COPIED,
    python: `write("config", base64.b32encode(value()))`,
    ...found("base32"),
  },
  { name: "hex", dockerfile: byShell(`xxd -p ${SECRET}`), ...found("hex") },
  {
    name: "hex in capitals",
    dockerfile: byShell(`xxd -p ${SECRET} | tr a-f A-F`),
    ...found("hex"),
  },
];

const WRAPPED: readonly Omit<LeakCase, "group">[] = [
  {
    name: "base64 in lines of 76",
    dockerfile: byShell(`${behind(45)} | base64`),
    ...found("base64"),
  },
  {
    name: "base64 in lines of 64",
    dockerfile: byShell(`${behind(37)} | base64 -w 64`),
    ...found("base64"),
  },
  {
    name: "base64 in a mail: lines of 76 that end as on Windows",
    dockerfile: COPIED,
    python: `write("config", base64.encodebytes(b"a" * 47 + value()).replace(b"\\n", b"\\r\\n"))`,
    ...found("base64"),
  },
  {
    name: "base64 in indented lines, as in YAML",
    dockerfile: byShell(`${behind(45)} | base64 | sed 's/^/    /'`),
    ...found("base64"),
  },
  {
    name: "base64 in lines, in a string of JSON",
    dockerfile: COPIED,
    python: `write("config", json.dumps({"file": base64.encodebytes(b"a" * 45 + value()).decode()}))`,
    ...found("base64"),
  },
  {
    name: "hex in lines of 60",
    dockerfile: byShell(`${behind(20)} | xxd -p`),
    ...found("hex"),
  },
  {
    name: "a key whose lines are of another length",
    ...PEM,
    dockerfile: byShell(`grep -v -e ----- ${SECRET} | tr -d '\\n' | fold -w 76`),
    ...found("pem"),
  },
];

const ESCAPED: readonly Omit<LeakCase, "group">[] = [
  {
    name: "percent, as in an address",
    ...SPECIAL,
    dockerfile: byNode('"https://example.org/?key=" + encodeURIComponent(value)'),
    ...found("percent"),
  },
  {
    name: "percent of a whole address",
    ...SPECIAL,
    dockerfile: byNode('encodeURI("https://example.org/?key=" + value)'),
    ...found("percent"),
  },
  {
    name: "percent by Python",
    ...SPECIAL,
    dockerfile: COPIED,
    python: `write("config", urllib.parse.quote(text(), safe=""))`,
    ...found("percent"),
  },
  {
    name: "percent in small letters",
    ...SPECIAL,
    dockerfile: COPIED,
    python: `write("config", "".join(c if c.isalnum() and c.isascii() else "".join("%%%02x" % b for b in c.encode()) for c in text()))`,
    ...found("percent"),
  },
  {
    name: "a form",
    ...SPECIAL,
    dockerfile: byNode('new URLSearchParams({ user: "me", password: value }).toString()'),
    ...found("percent"),
  },
  {
    name: "JSON",
    ...SPECIAL,
    dockerfile: byNode("JSON.stringify({ password: value })"),
    ...found("json"),
  },
  {
    name: "JSON in ASCII, by Python",
    ...SPECIAL,
    dockerfile: COPIED,
    python: `write("config", json.dumps({"password": text()}))`,
    ...found("json"),
  },
  {
    name: "JSON as Go writes it",
    ...SPECIAL,
    dockerfile: COPIED,
    python: `
go = json.dumps(text(), ensure_ascii=False)
for character in "<>&":
    go = go.replace(character, "\\\\u%04x" % ord(character))
write("config", go)`,
    ...found("json"),
  },
  {
    name: "JSON with escaped slashes, as PHP writes it",
    ...SPECIAL,
    dockerfile: COPIED,
    python: `write("config", json.dumps(text()).replace("/", "\\\\/"))`,
    ...found("json"),
  },
  {
    name: "JSON in JSON",
    ...SPECIAL,
    dockerfile: byNode("JSON.stringify({ body: JSON.stringify({ password: value }) })"),
    ...found("json-twice"),
  },
  {
    name: "JSON in JSON, both in ASCII",
    ...SPECIAL,
    dockerfile: COPIED,
    python: `write("config", json.dumps({"body": json.dumps({"password": text()})}))`,
    ...found("json-twice"),
  },
  {
    name: "single quotes of a shell",
    ...SPECIAL,
    dockerfile: COPIED,
    python: `write("config", "export KEY='" + text().replace("'", "'\\\\''") + "'\\n")`,
    ...found("shell"),
  },
  {
    name: "single quotes of a shell, by Python",
    ...SPECIAL,
    dockerfile: COPIED,
    python: `write("config", "export KEY=" + shlex.quote(text()) + "\\n")`,
    ...found("shell"),
  },
  {
    name: "double quotes of a shell",
    ...SPECIAL,
    dockerfile: COPIED,
    python: `
quoted = "".join("\\\\" + c if c in '"$\`\\\\' else c for c in text())
write("config", f'export KEY="{quoted}"\\n')`,
    ...found("shell"),
  },
  {
    name: "backslashes of a shell, by bash",
    ...SPECIAL,
    dockerfile: COPIED,
    python: `
quote = ["bash", "-c", 'printf "export KEY=%q" "$(cat "$SECRETS/KEY")"']
write("config", subprocess.run(quote, check=True, capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout)`,
    ...found("shell"),
  },
  {
    name: "HTML, by Python",
    ...SPECIAL,
    dockerfile: COPIED,
    python: `write("config", f'<input value="{html.escape(text())}">')`,
    ...found("html"),
  },
  {
    name: "HTML with numbers for quotes, as Go and Jinja write it",
    ...SPECIAL,
    dockerfile: byNode(
      `value.replace(/[<>&"\\x27]/g, (c) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&#34;" })[c] ?? "&#39;")`,
    ),
    ...found("html"),
  },
  {
    name: "XML",
    ...SPECIAL,
    dockerfile: byNode(
      '`<key>${value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")}</key>`',
    ),
    ...found("html"),
  },
  {
    name: "UTF-16, small end first",
    ...SPECIAL,
    dockerfile: byNode('Buffer.from("\\ufeffkey=" + value + "\\r\\n", "utf16le")'),
    ...found("utf16"),
  },
  {
    name: "UTF-16, big end first",
    ...SPECIAL,
    dockerfile: COPIED,
    python: `write("config", ("key=" + text()).encode("utf-16-be"))`,
    ...found("utf16"),
  },
];

const PARTS: readonly Omit<LeakCase, "group">[] = [
  {
    name: "one line of a key",
    ...PEM,
    dockerfile: byShell(`sed -n 8p ${SECRET}`),
    ...found("line"),
  },
  {
    name: "the lines of a key, indented",
    ...PEM,
    dockerfile: byShell(`sed 's/^/      /' ${SECRET}`),
    ...found("pem"),
  },
  {
    name: "a key in a string of JSON",
    ...PEM,
    dockerfile: byNode("JSON.stringify({ private_key: value })"),
    ...found("json"),
  },
  {
    name: "a key in base64",
    ...PEM,
    dockerfile: byShell(`base64 -w 0 ${SECRET}`),
    ...found("base64"),
  },
  {
    name: "the body of a key without white space",
    ...PEM,
    dockerfile: byShell(`grep -v -e ----- ${SECRET} | tr -d '\\n'`),
    ...found("pem"),
  },
  { name: "a token in a header", ...JWT, dockerfile: byShell(`cat ${SECRET}`), ...found("raw") },
  {
    name: "the signature of a token",
    ...JWT,
    dockerfile: byShell(`cut -d . -f 3 ${SECRET}`),
    ...found("jwt"),
  },
  {
    name: "the payload of a token",
    ...JWT,
    dockerfile: byShell(`cut -d . -f 2 ${SECRET}`),
    ...found("jwt"),
  },
];

export const DISGUISE_CASES: readonly LeakCase[] = [...BASES, ...WRAPPED, ...ESCAPED, ...PARTS].map(
  (one) => ({ ...one, group: "disguise" }),
);
