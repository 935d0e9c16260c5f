/** A value as it is, in every place that a layer has. */
import { inConfig, inFile, inHistory, inLabel } from "../model.ts";
import type { LeakCase } from "../model.ts";
import { BASE, mounted, SECRET } from "./dockerfile.ts";

const COPY_KEY = "COPY key /app/key";
const CONTEXT = { key: "{{KEY}}" };

const FILES: readonly Omit<LeakCase, "group">[] = [
  {
    name: "a file that is copied",
    dockerfile: [BASE, COPY_KEY],
    context: CONTEXT,
    expect: [inFile("/app/key")],
  },
  {
    name: "a whole context with an .npmrc in it",
    dockerfile: [BASE, "COPY . /app"],
    context: {
      "index.js": "console.log('ready')\n",
      ".npmrc": "//registry.example.org/:_authToken={{KEY}}\n",
    },
    expect: [inFile("/app/.npmrc")],
  },
  {
    name: "a mounted secret that a step copies",
    dockerfile: [BASE, mounted(`cat ${SECRET} > /key`)],
    expect: [inFile("/key")],
  },
  {
    name: "a mounted secret in a settings file that a step writes",
    dockerfile: [
      BASE,
      mounted(`mkdir /etc/app && echo "password = $(cat ${SECRET})" > /etc/app/app.ini`),
    ],
    expect: [inFile("/etc/app/app.ini")],
  },
  {
    name: "a shell history",
    dockerfile: [BASE, mounted(`echo "login -p $(cat ${SECRET})" > /root/.ash_history`)],
    expect: [inFile("/root/.ash_history")],
  },
  {
    name: "a git remote with a password in its address",
    dockerfile: [BASE, "COPY config /src/.git/config"],
    context: { config: '[remote "origin"]\n\turl = https://ci:{{KEY}}@git.example.org/a.git\n' },
    expect: [inFile("/src/.git/config")],
  },
  {
    name: "a file that only root may read",
    dockerfile: [BASE, mounted(`cat ${SECRET} > /root/key && chmod 0 /root/key`)],
    expect: [inFile("/root/key")],
  },
  {
    name: "an archive that ADD unpacks",
    dockerfile: [BASE, "ADD files.tar.gz /app/"],
    python: `write("files.tar.gz", tarred({"etc/key": value()}, mode="w:gz"))`,
    expect: [inFile("/app/etc/key")],
  },
  {
    name: "a value without its final newline",
    secrets: { "prod/KEY": "newline" },
    dockerfile: [BASE, mounted(`mkdir /app && printf %s "$(cat ${SECRET})" > /app/key`)],
    expect: [inFile("/app/key")],
  },
  {
    name: "a key whose lines end as on Windows",
    secrets: { "prod/KEY": "pem" },
    dockerfile: [BASE, COPY_KEY],
    python: `write("key", text().replace("\\n", "\\r\\n"))`,
    expect: [inFile("/app/key")],
  },
  {
    name: "in the middle of 5 MB",
    dockerfile: [
      BASE,
      mounted(
        `(head -c 3000001 /dev/zero && cat ${SECRET} && head -c 2000000 /dev/urandom) > /data`,
      ),
    ],
    expect: [inFile("/data")],
  },
  {
    name: "between bytes that are no text",
    dockerfile: [
      BASE,
      mounted(
        `(head -c 4096 /dev/urandom && cat ${SECRET} && head -c 4096 /dev/urandom) > /usr/bin/app`,
      ),
    ],
    expect: [inFile("/usr/bin/app")],
  },
  {
    name: "the same file in two layers",
    dockerfile: [BASE, COPY_KEY, "RUN cp /app/key /key"],
    context: CONTEXT,
    expect: [inFile("/app/key"), inFile("/key", { layer: 2 })],
  },
  {
    name: "an image without a base",
    dockerfile: ["FROM scratch", "COPY key /key"],
    context: CONTEXT,
    expect: [inFile("/key", { layer: 0 })],
  },
  {
    // docker save of the other store refuses such an image
    name: "an image without layers",
    store: "containerd",
    dockerfile: ["FROM scratch", "LABEL org.example.token={{KEY}}"],
    expect: [inLabel("org.example.token"), inHistory(0)],
  },
];

/** As many as overlay2 can hold, or enough to be many: each takes as long as a small build. */
const DEEP = process.env["SLOW"] === "1" ? 117 : 37;

const HIDDEN: readonly Omit<LeakCase, "group">[] = [
  {
    name: "a file that a later step deletes",
    dockerfile: [BASE, COPY_KEY, "RUN rm /app/key"],
    context: CONTEXT,
    expect: [inFile("/app/key", { deleted: true })],
  },
  {
    name: "a folder that a later step deletes",
    dockerfile: [BASE, COPY_KEY, "RUN rm -r /app"],
    context: CONTEXT,
    expect: [inFile("/app/key", { deleted: true })],
  },
  {
    name: "a file that a later step replaces",
    dockerfile: [BASE, COPY_KEY, "RUN echo none > /app/key"],
    context: CONTEXT,
    expect: [inFile("/app/key", { deleted: true })],
  },
  {
    name: "a file that a later COPY replaces",
    dockerfile: [BASE, COPY_KEY, "COPY other /app/key"],
    context: { ...CONTEXT, other: "none\n" },
    expect: [inFile("/app/key", { deleted: true })],
  },
  {
    name: "a folder that is emptied and made anew (an opaque one)",
    dockerfile: [BASE, COPY_KEY, "RUN rm -r /app && mkdir /app && touch /app/new"],
    context: CONTEXT,
    expect: [inFile("/app/key", { deleted: true })],
  },
  {
    name: "a folder that a file replaces",
    dockerfile: [BASE, COPY_KEY, "RUN rm -r /app && touch /app"],
    context: CONTEXT,
    expect: [inFile("/app/key", { deleted: true })],
  },
  {
    name: "a file that is renamed",
    dockerfile: [BASE, COPY_KEY, "RUN mv /app/key /app/other"],
    context: CONTEXT,
    expect: [inFile("/app/key", { deleted: true }), inFile("/app/other", { layer: 2 })],
  },
  {
    name: "a file whose mode changes, which writes it again",
    dockerfile: [BASE, COPY_KEY, "RUN chmod 600 /app/key"],
    context: CONTEXT,
    expect: [inFile("/app/key", { deleted: true }), inFile("/app/key", { layer: 2 })],
  },
  {
    name: "a file that is deleted and comes again",
    dockerfile: [BASE, COPY_KEY, "RUN rm /app/key", "COPY again /app/key"],
    context: { ...CONTEXT, again: "key={{KEY}}\n" },
    expect: [inFile("/app/key", { deleted: true }), inFile("/app/key", { layer: 3 })],
  },
  {
    name: "a file of a stage that is the base of the last one",
    dockerfile: [`${BASE} AS base`, COPY_KEY, "FROM base", "RUN rm /app/key"],
    context: CONTEXT,
    expect: [inFile("/app/key", { deleted: true })],
  },
  {
    name: "a deleted file below many layers",
    dockerfile: [
      BASE,
      ...Array.from({ length: DEEP }, (_, i) => `COPY same /${i}`),
      COPY_KEY,
      "RUN rm /app/key",
    ],
    context: { ...CONTEXT, same: "same\n" },
    expect: [inFile("/app/key", { layer: DEEP + 1, deleted: true })],
  },
];

const NAMES: readonly Omit<LeakCase, "group">[] = [
  {
    name: "the name of a file",
    dockerfile: [BASE, mounted(`mkdir /app && touch "/app/$(cat ${SECRET})"`)],
    expect: [inFile("/app/***", { part: "name" })],
  },
  {
    name: "the name of a folder with a file in it",
    dockerfile: [
      BASE,
      mounted(`mkdir -p "/app/$(cat ${SECRET})" && touch "/app/$(cat ${SECRET})/new"`),
    ],
    expect: [inFile("/app/***", { part: "name" }), inFile("/app/***/new", { part: "name" })],
  },
  {
    name: "the name of a file that is deleted, and the mark of its deletion",
    dockerfile: [BASE, mounted(`touch "/key-$(cat ${SECRET})"`), "RUN rm /key-*"],
    expect: [
      inFile("/key-***", { part: "name", deleted: true }),
      inFile("/.wh.key-***", { part: "name", layer: 2 }),
    ],
  },
  {
    name: "the target of a symbolic link",
    dockerfile: [BASE, mounted(`ln -s "/run/$(cat ${SECRET})" /link`)],
    expect: [inFile("/link", { part: "link" })],
  },
  {
    name: "a file with two names: its bytes are stored once",
    dockerfile: [BASE, mounted(`cat ${SECRET} > /key1 && ln /key1 /key2`)],
    expect: [inFile("/key1")],
  },
  {
    name: "the first name of a file with two names",
    dockerfile: [BASE, mounted(`touch "/a-$(cat ${SECRET})" && ln /a-* /b`)],
    expect: [inFile("/a-***", { part: "name" }), inFile("/b", { part: "link" })],
  },
  {
    name: "WORKDIR, which makes a folder",
    dockerfile: [BASE, "WORKDIR /srv/{{KEY}}"],
    expect: [
      inFile("/srv/***", { part: "name" }),
      inConfig("config.WorkingDir"),
      inHistory(1, { layer: 1 }),
    ],
  },
];

/** Layers that no step writes: tars made elsewhere, imported byte for byte. */
const HEADERS: readonly Omit<LeakCase, "group">[] = [
  {
    name: "an extended attribute",
    imported: true,
    python: `write("layer.tar", tarred({"app": b"x\\n"}, format=tarfile.PAX_FORMAT, pax_headers={"SCHILY.xattr.user.token": text()}))`,
    expect: [inFile("/app", { layer: 0, part: "header" })],
  },
  {
    name: "a comment in an extended header",
    imported: true,
    python: `write("layer.tar", tarred({"app": b"x\\n"}, format=tarfile.PAX_FORMAT, pax_headers={"comment": text()}))`,
    expect: [inFile("/app", { layer: 0, part: "header" })],
  },
  {
    name: "the name of an owner",
    imported: true,
    python: `write("layer.tar", tarred({"app": b"x\\n"}, uname=text()))`,
    expect: [inFile("/app", { layer: 0, part: "header" })],
  },
  {
    name: "a name that the header holds in two pieces",
    secrets: { "prod/KEY": "slashed" },
    imported: true,
    python: `write("layer.tar", tarred({f"cache/{text()}/{'x' * 80}": b"x\\n"}, format=tarfile.USTAR_FORMAT))`,
    expect: [inFile(`/cache/***/${"x".repeat(80)}`, { layer: 0, part: "name" })],
  },
  {
    name: "a name of more than 100 bytes",
    imported: true,
    python: `write("layer.tar", tarred({f"cache/{'x' * 90}{text()}": b"x\\n"}))`,
    expect: [inFile(`/cache/${"x".repeat(90)}***`, { layer: 0, part: "name" })],
  },
  {
    name: "the padding behind a file",
    imported: true,
    python: `
data = bytearray(tarred({"app": b"x\\n"}))
data[600:600 + len(value())] = value()
write("layer.tar", bytes(data))`,
    expect: [inFile("/app", { layer: 0, part: "gap" })],
  },
];

const STORED: readonly Omit<LeakCase, "group">[] = (["zstd", "gzip", "uncompressed"] as const).map(
  (compression) => ({
    name: `a layer stored as ${compression}`,
    store: "containerd",
    dockerfile: [BASE, COPY_KEY, "RUN rm /app/key"],
    context: CONTEXT,
    build: { output: `compression=${compression},force-compression=true,unpack=true` },
    expect: [inFile("/app/key", { deleted: true })],
  }),
);

export const LAYER_CASES: readonly LeakCase[] = [
  ...FILES,
  ...HIDDEN,
  ...NAMES,
  ...HEADERS,
  ...STORED,
].map((one) => ({ ...one, group: "layer" }));
