import { generateKeyPairSync } from "node:crypto";

/** A key pair as PEM, made anew; the private key has some 28 lines. */
export function rsaKeyPair(): { readonly privateKey: string; readonly publicKey: string } {
  return generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
}
