/** Images that hold none of the values, and look as if they did. */
import { createPublicKey, randomBytes } from "node:crypto";
import type { LeakCase } from "../model.ts";
import { jwt, word } from "../values.ts";
import { BASE, byNode, byShell, mounted, SECRET } from "./dockerfile.ts";

const COPY_ALL = [BASE, "COPY . /app"];

/** Steps that use a secret and keep nothing of it. */
const USED: readonly Omit<LeakCase, "group" | "expect">[] = [
  { name: "a mounted secret that a step uses", dockerfile: [BASE, mounted(`test -s ${SECRET}`)] },
  {
    name: "a mounted secret that a step prints",
    dockerfile: [BASE, mounted(`cat ${SECRET}; base64 ${SECRET} >&2; touch /done`)],
  },
  {
    name: "a file that the same step deletes",
    dockerfile: [BASE, mounted(`cat ${SECRET} > /key && rm /key && touch /done`)],
  },
  {
    name: "the length and the hash of a secret",
    dockerfile: byShell(`(wc -c < ${SECRET}; sha256sum < ${SECRET}; md5sum < ${SECRET})`),
  },
  {
    name: "a secret in a cache mount",
    dockerfile: [BASE, mounted(`--mount=type=cache,target=/cache cat ${SECRET} > /cache/key`)],
  },
  {
    name: "a secret in a tmpfs mount",
    dockerfile: [BASE, mounted(`--mount=type=tmpfs,target=/scratch cat ${SECRET} > /scratch/key`)],
  },
  {
    name: "a file of the context that a step mounts",
    dockerfile: [BASE, "RUN --mount=type=bind,source=key,target=/key test -s /key"],
    context: { key: "{{KEY}}" },
  },
  {
    name: "a file that .dockerignore keeps out",
    dockerfile: COPY_ALL,
    context: { ".dockerignore": "key\n.dockerignore\n", key: "{{KEY}}", "index.js": "// ready\n" },
  },
  {
    name: "a file of the context that is not copied",
    dockerfile: [BASE, "COPY index.js /app/"],
    context: { ".env": "KEY={{KEY}}\n", "index.js": "// ready\n" },
  },
  {
    name: "a comment in the Dockerfile",
    dockerfile: [BASE, "# the key is {{KEY}}", "RUN true"],
  },
  {
    name: "a proxy with a password, which BuildKit keeps out of the history",
    dockerfile: [BASE, 'RUN test -n "$HTTP_PROXY"'],
    buildArgs: { HTTP_PROXY: "http://me:{{KEY}}@proxy.example.org:3128" },
  },
  {
    name: "a file in a stage that is left out",
    dockerfile: [
      `${BASE} AS made`,
      mounted(`cat ${SECRET} > /key && echo ready > /out`),
      BASE,
      "COPY --from=made /out /out",
    ],
  },
  {
    name: "a build argument in a stage that is left out",
    dockerfile: [
      `${BASE} AS made`,
      "ARG TOKEN",
      'RUN test -n "$TOKEN" && touch /out',
      BASE,
      "COPY --from=made /out /out",
    ],
    buildArgs: { TOKEN: "{{KEY}}" },
  },
  {
    name: "a target in front of the step that leaks",
    dockerfile: [
      `${BASE} AS early`,
      "RUN touch /early",
      "FROM early",
      mounted(`cat ${SECRET} > /key`),
    ],
    build: { target: "early" },
  },
];

const integrity = (): string => `sha512-${randomBytes(64).toString("base64")}`;

/** Files as real images have them. */
const ALIKE: readonly Omit<LeakCase, "group" | "expect">[] = [
  {
    name: "a value of somebody else",
    strangers: { STRANGER: "password" },
    dockerfile: COPY_ALL,
    context: { ".env": "KEY={{STRANGER}}\nAPI_KEY={{STRANGER}}\n" },
  },
  {
    name: "a value with one character changed",
    dockerfile: COPY_ALL,
    context: {
      ".env": ({ KEY = "" }) => {
        const changed = (at: number): string =>
          `${KEY.slice(0, at)}${KEY[at] === "x" ? "y" : "x"}${KEY.slice(at + 1)}`;
        return [0, 12, 23].map((at) => `KEY=${changed(at)}\n`).join("");
      },
    },
  },
  {
    name: "the first and the second half of a value, apart",
    dockerfile: COPY_ALL,
    context: {
      a: ({ KEY = "" }) => KEY.slice(0, KEY.length / 2),
      b: ({ KEY = "" }) => KEY.slice(KEY.length / 2),
    },
  },
  {
    name: "a value in the other case",
    secrets: { "prod/KEY": () => `${word(24)}aB` },
    dockerfile: COPY_ALL,
    context: { key: ({ KEY = "" }) => `${KEY.toLowerCase()}\n${KEY.toUpperCase()}\n` },
  },
  {
    name: "base64 of something else",
    strangers: { STRANGER: "special" },
    dockerfile: [BASE, mounted("base64 /run/secrets/STRANGER > /config", "STRANGER")],
  },
  {
    name: "numbers of 8 digits",
    secrets: { "prod/KEY": "digits" },
    dockerfile: COPY_ALL,
    context: {
      "numbers.csv": ({ KEY = "" }) =>
        Array.from({ length: 20_000 }, () => String(randomBytes(4).readUInt32BE() % 1e8))
          .filter((number) => number !== KEY)
          .join("\n"),
    },
  },
  {
    name: "a lock file with hashes",
    strangers: { STRANGER: "password" },
    dockerfile: COPY_ALL,
    context: {
      "package-lock.json": () =>
        JSON.stringify({
          packages: Object.fromEntries(
            Array.from({ length: 2_000 }, (_, i) => [
              `node_modules/package-${i}`,
              { version: `1.0.${i}`, integrity: integrity() },
            ]),
          ),
        }),
    },
  },
  {
    name: "a tree of packages",
    dockerfile: COPY_ALL,
    python: `
for i in range(150):
    write(f"node_modules/package-{i}/package.json", json.dumps({"name": f"package-{i}", "_integrity": base64.b64encode(os.urandom(64)).decode()}))
    write(f"node_modules/package-{i}/index.js", "module.exports = { password: process.env.KEY, token: '" + os.urandom(16).hex() + "' }\\n")
    write(f"node_modules/package-{i}/a.js.map", json.dumps({"mappings": base64.b64encode(os.urandom(300)).decode()}))
write("node_modules/.cache/a.tgz", tarred({"package/index.js": os.urandom(2000)}, mode="w:gz"))`,
  },
  {
    name: "an example of settings, with words in place of values",
    dockerfile: COPY_ALL,
    context: {
      ".env.example":
        "KEY=\nAPI_KEY=<your key here>\nPASSWORD=changeme\nTOKEN=xxxxxxxxxxxxxxxxxxxxxxxx\nprod/KEY=\n",
    },
  },
  {
    name: "the public half of a key",
    secrets: { "prod/KEY": "pem" },
    dockerfile: COPY_ALL,
    context: {
      "public.pem": ({ KEY = "" }) =>
        createPublicKey(KEY).export({ type: "spki", format: "pem" }).toString(),
    },
  },
  {
    name: "another key with the same first and last line",
    secrets: { "prod/KEY": "pem" },
    strangers: { STRANGER: "pem" },
    dockerfile: COPY_ALL,
    context: { "key.pem": "{{STRANGER}}" },
  },
  {
    name: "certificates",
    secrets: { "prod/KEY": "pem" },
    dockerfile: byNode('require("node:tls").rootCertificates.join("\\n")'),
  },
  {
    name: "a token of somebody else with the same header",
    secrets: { "prod/KEY": "jwt" },
    dockerfile: COPY_ALL,
    context: { token: () => jwt(word(24)) },
  },
  {
    name: "variables, labels and arguments with the secret's name",
    dockerfile: [
      BASE,
      "ARG KEY=none",
      "ENV KEY=changeme API_KEY_FILE=/run/secrets/KEY",
      "LABEL KEY=prod/KEY",
      "RUN true KEY=$KEY",
    ],
  },
  { name: "a layer with nothing in it", dockerfile: [BASE, "WORKDIR /", "RUN true"] },
];

export const CLEAN_CASES: readonly LeakCase[] = [...USED, ...ALIKE].map((one) => ({
  ...one,
  group: "clean",
  expect: [],
}));
