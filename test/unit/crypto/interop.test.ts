import { execFileSync, spawnSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { newKeyPair, type KeyPair } from "../../../src/crypto/keypair.ts";
import { seal, unseal } from "../../../src/crypto/seal.ts";
import { Secret } from "../../../src/secret/secret.ts";

/** Debian's interpreter: the one that the package python3-nacl belongs to. */
const PYTHON = "/usr/bin/python3";
const PROD = { app: "cats", scope: "prod", name: "API_KEY" };

/** Reads {key, plaintexts} as JSON with base64 inside, writes one box a line. */
const SEAL = `
import base64, json, sys
from nacl.public import PublicKey, SealedBox
given = json.load(sys.stdin)
box = SealedBox(PublicKey(base64.b64decode(given["key"])))
for text in given["plaintexts"]:
    print(base64.urlsafe_b64encode(box.encrypt(base64.b64decode(text))).decode())
`;

/** Writes an envelope of its own for each value, as json.dumps does, and seals it. */
const SEAL_BOUND = `
import base64, json, sys
from nacl.public import PublicKey, SealedBox
given = json.load(sys.stdin)
box = SealedBox(PublicKey(base64.b64decode(given["key"])))
for value in given["values"]:
    for ascii in (True, False):
        text = json.dumps({"value": value, "name": "API_KEY", "v": 1, "env": "prod", "app": "cats"},
                          ensure_ascii=ascii, indent=1 if ascii else None)
        print(base64.standard_b64encode(box.encrypt(text.encode())).decode())
`;

/** Opens our boxes and writes the value in each envelope, base64, one a line. */
const OPEN = `
import base64, json, sys
from nacl.public import PrivateKey, SealedBox
given = json.load(sys.stdin)
box = SealedBox(PrivateKey(base64.b64decode(given["key"])))
for text in given["boxes"]:
    plain = box.decrypt(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert len(plain) % 64 == 0
    e = json.loads(plain)
    assert (e["v"], e["app"], e["env"], e["name"]) == (1, "cats", "prod", "API_KEY"), e.keys()
    value = e["value"].encode() if "value" in e else base64.b64decode(e["value_base64"])
    print(base64.b64encode(value).decode())
`;

const VALUES = [
  "s3cret",
  "",
  "two\nlines\r\n",
  'quotes " and \\ backslashes',
  "tab\t, bell \u0007 and NUL \0",
  "æøå, 猫, 😀 and 👩‍👩‍👧",
  "\u2028\u007f\ufeff",
  "x".repeat(100_000),
];

let pair: KeyPair;
const publicKey = (): string => Buffer.from(pair.publicKey.bytes).toString("base64");

describe("another libsodium binding (Debian's python3-nacl)", () => {
  beforeAll(async () => {
    installNacl();
    pair = await newKeyPair();
  }, 180_000);

  it("IT7: seals raw values that open here, unbound", async () => {
    const plaintexts = [...VALUES.map((value) => Buffer.from(value)), Buffer.from([0xff, 0x00])];
    const encoded = plaintexts.map((value) => value.toString("base64"));
    const boxes = python(SEAL, { key: publicKey(), plaintexts: encoded });
    for (const [i, box] of boxes.entries()) {
      const { secret, bound } = await unseal(box, [pair], PROD);
      expect(bound).toBe(false);
      expect(secret.use((bytes) => bytes.equals(plaintexts[i] ?? Buffer.from("none")))).toBe(true);
    }
    expect(boxes).toHaveLength(plaintexts.length);
  });

  it("seals values in an envelope that open here, bound", async () => {
    const boxes = python(SEAL_BOUND, { key: publicKey(), values: VALUES });
    for (const [i, box] of boxes.entries()) {
      const { secret, bound } = await unseal(box, [pair], PROD, { requireBound: true });
      expect(bound).toBe(true);
      expect(secret.use(String)).toBe(VALUES[i >> 1]);
    }
    expect(boxes).toHaveLength(2 * VALUES.length);
  });

  it("opens what is sealed here", async () => {
    const values = [...VALUES.map((value) => Buffer.from(value)), Buffer.from([0xff, 0x00, 0x80])];
    const boxes = [];
    for (const value of values) {
      boxes.push(await seal(pair.publicKey, PROD, Secret.take("test", Buffer.from(value))));
    }
    const key = pair.privateKey.use((bytes) => bytes.toString("base64"));
    const opened = python(OPEN, { key, boxes });
    expect(opened).toEqual(values.map((value) => value.toString("base64")));
  });
});

/** Runs a script with JSON on stdin: keys and values are in no argument. */
function python(script: string, input: unknown): string[] {
  const output = execFileSync(PYTHON, ["-c", script], {
    input: JSON.stringify(input),
    maxBuffer: 64 * 1024 * 1024,
    encoding: "utf8",
  });
  return output.split("\n").slice(0, -1);
}

function installNacl(): void {
  if (hasNacl()) return;
  if (process.getuid?.() !== 0) throw new Error("run as root: apt-get install python3-nacl");
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DEBIAN_FRONTEND: "noninteractive" };
  spawnSync("apt-get", ["update", "-qq"], { env });
  const install = ["install", "-y", "-qq", "--no-install-recommends", "python3-nacl"];
  const { stderr } = spawnSync("apt-get", install, { env, encoding: "utf8" });
  if (!hasNacl()) throw new Error(`python3-nacl can't be installed: ${stderr}`);
}

function hasNacl(): boolean {
  return spawnSync(PYTHON, ["-c", "import nacl.public"]).status === 0;
}
