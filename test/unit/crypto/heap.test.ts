import type * as Wrappers from "libsodium-wrappers";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeBase64 } from "../../../src/crypto/base64.ts";
import {
  formatPrivateKey,
  newKeyPair,
  parsePrivateKey,
  type KeyPair,
} from "../../../src/crypto/keypair.ts";
import { seal, unseal, unsealAll } from "../../../src/crypto/seal.ts";
import { loadEngine, loadSodium, withHeap } from "../../../src/crypto/sodium.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { sealRaw } from "./raw-box.ts";

const CANARY = "heap-canary-0d9b-malachite-1";
const PROD = { app: "cats", scope: "prod", name: "API_KEY" };

/** Names of what the two WASM heaps, searched whole, still hold, in full or in part. */
async function residue(pair: KeyPair): Promise<string[]> {
  const heaps = [await loadSodium(), await loadEngine()].map(({ heap }) =>
    Buffer.from(heap.buffer),
  );
  const holds = (bytes: string | Buffer): boolean => heaps.some((heap) => heap.includes(bytes));
  const found = holds(CANARY) || holds(CANARY.slice(8, 20)) ? ["plaintext"] : [];
  pair.privateKey.use((bytes) => {
    // the ends are changed when a scalar is clamped, so the middle is searched for too
    if (holds(bytes) || holds(bytes.subarray(8, 20))) found.push("private key");
  });
  return found;
}

let pair: KeyPair;
let text: string;
beforeAll(async () => {
  pair = await newKeyPair();
  text = await seal(pair.publicKey, PROD, Secret.take("test", Buffer.from(CANARY)));
});

describe("the WASM heap of libsodium", () => {
  it("holds nothing after a key pair was made and a value was sealed", async () => {
    await seal(pair.publicKey, PROD, Secret.take("test", Buffer.from(CANARY)));
    expect(await residue(pair)).toEqual([]);
  });

  it("holds nothing after a private key was read", async () => {
    await parsePrivateKey(formatPrivateKey(pair.privateKey));
    expect(await residue(pair)).toEqual([]);
  });

  it("holds nothing after a value was opened", async () => {
    const { secret } = await unseal(text, [pair], PROD);
    expect(secret.use(String)).toBe(CANARY);
    expect(await residue(pair)).toEqual([]);
  });

  it("holds nothing after many values were opened, some of them large", async () => {
    const items = await Promise.all(
      [1, 50, 5000, 70_000].map(async (times) => {
        const value = Secret.take("test", Buffer.from(CANARY.repeat(times)));
        return { text: await seal(pair.publicKey, PROD, value), expect: PROD };
      }),
    );
    expect(await unsealAll(items, [await newKeyPair(), pair])).toHaveLength(4);
    expect(await residue(pair)).toEqual([]);
  });

  it.each([
    ["bound elsewhere", () => unseal(text, [pair], { ...PROD, name: "OTHER" })],
    ["damaged", () => unseal(damaged(text), [pair], PROD)],
    ["the second of two", () => unsealAll([item(text), item(damaged(text))], [pair])],
    [
      "not bound",
      async () => unseal(await sealRaw(pair, CANARY), [pair], PROD, { requireBound: true }),
    ],
    ["a broken envelope", async () => unseal(await sealRaw(pair, BROKEN), [pair], PROD)],
  ])("holds nothing after an opening that failed: %s", async (_, open) => {
    await expect(open()).rejects.toThrow(/API_KEY|OTHER/);
    expect(await residue(pair)).toEqual([]);
  });

  it("is wiped when the code that borrowed it throws", async () => {
    const sodium = await loadSodium();
    const borrow = (): unknown =>
      withHeap(sodium, CANARY.length, (take) => {
        sodium.heap.set(Buffer.from(CANARY), take(CANARY.length));
        return take(1);
      });
    expect(borrow).toThrow(/more than 28 bytes/);
    expect(await residue(pair)).toEqual([]);
  });

  it("can't grow without end", async () => {
    const sodium = await loadSodium();
    expect(() => withHeap(sodium, 2 ** 31 - 1, () => 0)).toThrow(RangeError);
  });
});

describe("the engine that opens", () => {
  it("has no random source, so it can't make a key by mistake", async () => {
    const { default: create } = await import("libsodium");
    expect(create).toBeTypeOf("function");
    expect(await loadEngine()).not.toHaveProperty("keypair");
    expect(await loadEngine()).not.toHaveProperty("boxSeal");
  });
});

describe("the search itself", () => {
  it("finds what the wrappers of libsodium leave behind", async () => {
    const loaded: object = await import("libsodium-wrappers");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the functions are on the default export, which the declarations lack
    const wrappers = Reflect.get(loaded, "default") as typeof Wrappers;
    const box = decodeBase64(Buffer.from(await sealRaw(pair, CANARY))) ?? Buffer.alloc(0);
    pair.privateKey.use((bytes) => wrappers.crypto_box_seal_open(box, pair.publicKey.bytes, bytes));
    expect(await residue(pair)).toEqual(["plaintext", "private key"]);
  });
});

const BROKEN = `{"v":1,"app":"cats","name":"API_KEY","value":"${CANARY}","value":"${CANARY}"}`;

function item(box: string): { text: string; expect: typeof PROD } {
  return { text: box, expect: PROD };
}

function damaged(box: string): string {
  return (box.startsWith("A") ? "B" : "A") + box.slice(1);
}
