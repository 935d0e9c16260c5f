/** Values inside of files that are archives or compressed, told by their bytes and not by their names. */
import { inFile, inside } from "../model.ts";
import type { LeakCase } from "../model.ts";
import { BASE, byNode, byShell, COPIED, mounted, SECRET } from "./dockerfile.ts";

/** Content of a file that is compressed and no archive: it has no name. */
const COMPRESSED = "/app/config!";

const COMPRESSIONS: readonly Omit<LeakCase, "group">[] = [
  { name: "gzip", dockerfile: byShell(`gzip -c ${SECRET}`), expect: [inFile(COMPRESSED)] },
  {
    name: "zlib",
    dockerfile: byNode('require("node:zlib").deflateSync("key=" + value)'),
    expect: [inFile(COMPRESSED)],
  },
  {
    name: "zstd",
    dockerfile: byNode('require("node:zlib").zstdCompressSync("key=" + value)'),
    expect: [inFile(COMPRESSED)],
  },
  {
    name: "xz",
    dockerfile: COPIED,
    python: `write("config", lzma.compress(b"key=" + value()))`,
    expect: [inFile(COMPRESSED)],
  },
  { name: "bzip2", dockerfile: byShell(`bzip2 -c ${SECRET}`), expect: [inFile(COMPRESSED)] },
  {
    name: "two parts of gzip in one file",
    dockerfile: byShell(`(echo first | gzip -c; gzip -c ${SECRET})`),
    expect: [inFile(COMPRESSED)],
  },
  {
    name: "gzip in gzip",
    dockerfile: byShell(`gzip -c ${SECRET} | gzip -c`),
    expect: [inFile(COMPRESSED)],
  },
  {
    name: "base64 in gzip",
    dockerfile: byShell(`base64 ${SECRET} | gzip -c`),
    expect: [inFile(COMPRESSED, { as: "base64" })],
  },
  {
    name: "gzip that a later step deletes",
    dockerfile: [
      BASE,
      mounted(`mkdir /app && gzip -c ${SECRET} > /app/config`),
      "RUN rm /app/config",
    ],
    expect: [inFile(COMPRESSED, { deleted: true })],
  },
  {
    name: "a log that was rotated",
    dockerfile: [
      BASE,
      mounted(
        `(seq 20000; echo "login with $(cat ${SECRET})"; seq 20000) | gzip -c > /var/log.1.gz`,
      ),
    ],
    expect: [inFile("/var/log.1.gz!")],
  },
];

const ARCHIVES: readonly Omit<LeakCase, "group">[] = [
  {
    name: "zip",
    dockerfile: COPIED,
    python: `write("config", zipped({"a.txt": b"none", "etc/key": value()}))`,
    expect: [inFile(inside("/app/config", "etc/key"))],
  },
  {
    name: "zip without compression",
    dockerfile: COPIED,
    python: `write("config", zipped({"etc/key": value()}, zipfile.ZIP_STORED))`,
    expect: [inFile(inside("/app/config", "etc/key"))],
  },
  {
    name: "jar",
    dockerfile: [BASE, "COPY app.jar /app/lib.jar"],
    python: `write("app.jar", zipped({"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\\r\\n", "application.yml": b"password: " + value()}))`,
    expect: [inFile(inside("/app/lib.jar", "application.yml"))],
  },
  {
    name: "a jar in a war",
    dockerfile: [BASE, "COPY app.war /app/app.war"],
    python: `write("app.war", zipped({"WEB-INF/lib/a.jar": zipped({"config.properties": b"key=" + value()})}))`,
    expect: [inFile(inside("/app/app.war", "WEB-INF/lib/a.jar", "config.properties"))],
  },
  {
    name: "whl",
    dockerfile: [BASE, "COPY app.whl /wheels/app-1.0-py3-none-any.whl"],
    python: `write("app.whl", zipped({"app/__init__.py": b"KEY = '" + value() + b"'\\n", "app-1.0.dist-info/METADATA": b"Name: app\\n"}))`,
    expect: [inFile(inside("/wheels/app-1.0-py3-none-any.whl", "app/__init__.py"))],
  },
  {
    // names are in the clear there: bytes of the zip, and of no file in it
    name: "the name of a file in a zip",
    dockerfile: COPIED,
    python: `write("config", zipped({f"cache/{text()}.json": b"none"}))`,
    expect: [inFile("/app/config")],
  },
  {
    name: "tar",
    dockerfile: byShell(`tar -c -f - -C /run/secrets KEY`),
    expect: [inFile(inside("/app/config", "KEY"))],
  },
  {
    name: "tar.gz",
    dockerfile: byShell(`tar -c -z -f - -C /run/secrets KEY`),
    expect: [inFile(inside("/app/config", "KEY"))],
  },
  {
    name: "tar.xz",
    dockerfile: COPIED,
    python: `write("config", tarred({"etc/key": value()}, mode="w:xz"))`,
    expect: [inFile(inside("/app/config", "etc/key"))],
  },
  {
    name: "tar.bz2 that a later step deletes",
    dockerfile: [...COPIED, "RUN rm -r /app"],
    python: `write("config", tarred({"etc/key": value()}, mode="w:bz2"))`,
    expect: [inFile(inside("/app/config", "etc/key"), { deleted: true })],
  },
  {
    name: "tar in tar",
    dockerfile: COPIED,
    python: `write("config", tarred({"inner.tar": tarred({"key": value()})}))`,
    expect: [inFile(inside("/app/config", "inner.tar", "key"))],
  },
  {
    name: "tar.gz in zip",
    dockerfile: COPIED,
    python: `write("config", zipped({"a.tgz": tarred({"key": value()}, mode="w:gz")}))`,
    expect: [inFile(inside("/app/config", "a.tgz", "key"))],
  },
  {
    name: "a cache of npm, whose files have no endings",
    dockerfile: [
      BASE,
      mounted(
        `mkdir -p /root/.npm/_cacache/content-v2/sha512/3a/7f /package && echo "//registry.example.org/:_authToken=$(cat ${SECRET})" > /package/.npmrc && tar -c -z -f /root/.npm/_cacache/content-v2/sha512/3a/7f/00ff -C / package && rm -r /package`,
      ),
    ],
    expect: [inFile(inside("/root/.npm/_cacache/content-v2/sha512/3a/7f/00ff", "package/.npmrc"))],
  },
  {
    name: "a saved image in an image",
    dockerfile: COPIED,
    python: `
layer = tarred({"app/key": value()}, mode="w:gz")
write("config", tarred({"blobs/sha256/00": layer, "index.json": b"{}"}))`,
    expect: [inFile(inside("/app/config", "blobs/sha256/00", "app/key"))],
  },
];

/** What can't be opened is told, by its path: whoever reads "clean" must know what was not searched. */
const UNREAD: readonly Omit<LeakCase, "group">[] = [
  {
    name: "an encrypted zip",
    dockerfile: COPIED,
    python: `
data = bytearray(zipped({"etc/key": value()}))
data[6] |= 1
data[data.index(b"PK\\x01\\x02") + 8] |= 1
write("config", bytes(data))`,
    expect: [],
    unread: ["/app/config!/etc/key"],
  },
  {
    name: "gzip six times",
    dockerfile: byShell(`cat ${SECRET} ${" | gzip -c".repeat(6)}`),
    expect: [],
    unread: ["/app/config!"],
  },
  {
    name: "a gzip that is cut off behind the value",
    dockerfile: byShell(`(cat ${SECRET}; seq 50000) | gzip -c | head -c 50000`),
    expect: [inFile(COMPRESSED)],
    unread: ["/app/config"],
  },
  {
    name: "a 7z archive",
    dockerfile: COPIED,
    python: `write("config", b"7z\\xbc\\xaf\\x27\\x1c\\x00\\x04" + os.urandom(200))`,
    expect: [],
    unread: ["/app/config"],
  },
];

export const MEMBER_CASES: readonly LeakCase[] = [...COMPRESSIONS, ...ARCHIVES, ...UNREAD].map(
  (one) => ({
    ...one,
    group: "member",
  }),
);
