import { describe, expect, it } from "vitest";
import {
  fingerprintOf,
  formatPrivateKey,
  looksLikePublicKey,
  newKeyPair,
  parsePrivateKey,
  parsePublicKey,
} from "../../../src/crypto/keypair.ts";
import { Secret } from "../../../src/secret/secret.ts";

// the key pair of Alice in RFC 7748, section 6.1
const ALICE = {
  privateKey: "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
  publicKey: "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
};
/** First 8 bytes of what `b2sum` prints for 32 zero bytes. */
const B2SUM_OF_ZEROS = "9ab7a73a97a1a303";
const text = (value: string): Secret => Secret.take("key", Buffer.from(value));

describe("key pairs", () => {
  it("IT28: are new each time, and survive their text form", async () => {
    const pair = await newKeyPair();
    const other = await newKeyPair();
    expect(pair.publicKey.text).toMatch(/^smp1_[\w-]{43}$/);
    expect(pair.publicKey.text).not.toBe(other.publicKey.text);
    const written = formatPrivateKey(pair.privateKey);
    expect(written.use((bytes) => /^smk1_[\w-]{43}$/.test(bytes.toString()))).toBe(true);
    const read = await parsePrivateKey(written);
    expect(read?.publicKey).toEqual(pair.publicKey);
    expect(read?.privateKey.equals(pair.privateKey)).toBe(true);
  });

  it("derives the public half as RFC 7748 does", async () => {
    const given = text(Buffer.from(ALICE.privateKey, "hex").toString("base64"));
    const pair = await parsePrivateKey(given);
    expect(Buffer.from(pair?.publicKey.bytes ?? []).toString("hex")).toBe(ALICE.publicKey);
  });

  it.each([
    ["32 raw bytes in base64", (raw: Buffer) => raw.toString("base64")],
    ["the same without padding", (raw: Buffer) => raw.toString("base64url")],
    ["white space around it", (raw: Buffer) => `\n smk1_${raw.toString("base64url")}\r\n`],
  ])("RI3: reads a private key given as %s", async (_, write) => {
    const pair = await newKeyPair();
    const given = pair.privateKey.use((bytes) => text(write(bytes)));
    const read = await parsePrivateKey(given);
    expect(read?.publicKey.text).toBe(pair.publicKey.text);
  });

  it.each([
    ["empty text", ""],
    ["a word", "hunter2"],
    ["31 bytes", Buffer.alloc(31).toString("base64")],
    ["33 bytes", Buffer.alloc(33).toString("base64")],
    ["a public key", `smp1_${Buffer.alloc(32).toString("base64url")}`],
    ["a key with a tail", `smk1_${Buffer.alloc(32).toString("base64url")} x`],
    ["a long text", "A".repeat(100_000)],
  ])("reads %s as no private key", async (_, value) => {
    expect(await parsePrivateKey(text(value))).toBeNull();
  });

  it("reads public keys in both alphabets and gives them one text", () => {
    const raw = Buffer.alloc(32, 0xfb);
    const key = parsePublicKey(`smp1_${raw.toString("base64url")}`);
    expect(key?.bytes).toEqual(new Uint8Array(raw));
    expect(parsePublicKey(raw.toString("base64"))).toEqual(key);
    expect(parsePublicKey(raw.toString("base64url"))?.text).toBe(key?.text);
  });

  it.each(["", "smp1_", "smp1_AAAA", "smk1_AAAA", "x".repeat(43), "A".repeat(65)])(
    "reads %j as no public key",
    (value) => {
      expect(parsePublicKey(value)).toBeNull();
      expect(fingerprintOf(value)).toBeNull();
    },
  );

  it("fingerprints are the first 8 bytes of BLAKE2b-512 of the public key", () => {
    // b2sum of 32 zero bytes
    const zeros = `smp1_${Buffer.alloc(32).toString("base64url")}`;
    expect(fingerprintOf(zeros)).toBe(B2SUM_OF_ZEROS);
  });

  it("tells a public key from a private one", async () => {
    const pair = await newKeyPair();
    expect(looksLikePublicKey(text(pair.publicKey.text))).toBe(true);
    expect(looksLikePublicKey(formatPrivateKey(pair.privateKey))).toBe(false);
  });
});
