import { generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { describe, expect, it } from "vitest";
import { findAll } from "../../../src/needles/search.ts";
import { NeedleTable } from "../../../src/needles/table.ts";
import { needlesOf } from "../../../src/needles/variants.ts";
import { Secret } from "../../../src/secret/secret.ts";

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const rsa = (bits: number) => (): Pair => generateKeyPairSync("rsa", { modulusLength: bits });
const curve = (namedCurve: string) => (): Pair => generateKeyPairSync("ec", { namedCurve });

const tableOf = (pem: string): NeedleTable =>
  new NeedleTable(needlesOf(Secret.take("KEY", Buffer.from(pem))));

const wrapped = (text: string): string => text.replaceAll(/.{64}/gu, "$&\n");

/** What anybody may have of a key: as it is, and within a certificate, wherever it stands there. */
function publicForms(key: KeyObject): string[] {
  const der = key.export({ type: "spki", format: "der" });
  const texts = Array.from({ length: 48 }, (_, before) =>
    Buffer.concat([Buffer.alloc(before, 1), der, Buffer.alloc(9, 2)]).toString("base64"),
  );
  const all = [der.toString("base64"), ...texts];
  const jwk = JSON.stringify(key.export({ format: "jwk" }));
  return [jwk, ...all, ...all.map(wrapped), ...all.map((text) => text.replaceAll("+", "-"))];
}

describe("the lines of a private key that are its public half", () => {
  it.each([
    ["rsa 2048", "pkcs1", rsa(2048)],
    ["rsa 2048", "pkcs8", rsa(2048)],
    ["P-256", "sec1", curve("P-256")],
    ["P-256", "pkcs8", curve("P-256")],
    ["P-384", "sec1", curve("P-384")],
    ["P-521", "pkcs8", curve("P-521")],
    ["secp256k1", "sec1", curve("secp256k1")],
    ["ed25519", "pkcs8", () => generateKeyPairSync("ed25519")],
  ] as const)("are not looked for, those of the private one are: %s, %s", (_kind, type, make) => {
    for (let i = 0; i < 5; i++) {
      const { privateKey, publicKey } = make();
      const pem = privateKey.export({ type, format: "pem" } as { type: "pkcs8"; format: "pem" });
      const table = tableOf(pem.toString());
      for (const text of publicForms(publicKey)) {
        expect(findAll(table, Buffer.from(text)).length).toBe(0);
      }
      const found = findAll(table, Buffer.from(pem)).map(({ needle }) => needle.encoding);
      expect(found).toContain("raw");
      expect(found).toContain("pem");
      // of one line, it is the body
      if (type !== "pkcs8" || pem.length > 200) expect(found).toContain("line");
    }
  });

  it("of what is no key, none is left out", () => {
    const line = "aB3".repeat(20);
    for (const body of [line, `${"MIIE".repeat(16)}\n${line}`, `=\n${line}`]) {
      const table = tableOf(`-----BEGIN X KEY-----\n${body}\n-----END X KEY-----`);
      expect(findAll(table, Buffer.from(line)).length).toBe(1);
    }
  });

  it("parameters, which are many keys', are not looked for", () => {
    const parameters = Buffer.alloc(140, "Dh8params").toString("base64");
    const { privateKey } = curve("P-256")();
    const pem = privateKey.export({ type: "sec1", format: "pem" }).toString();
    const block = `-----BEGIN DH PARAMETERS-----\n${wrapped(parameters)}\n-----END DH PARAMETERS-----\n`;
    expect(findAll(tableOf(block + pem), Buffer.from(block)).length).toBe(0);
  });
});
