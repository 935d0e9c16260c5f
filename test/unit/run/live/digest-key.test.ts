import { beforeAll, describe, expect, it } from "vitest";

import { type KeyPair, newKeyPair } from "../../../../src/crypto/keypair.ts";
import { KeyStoreError } from "../../../../src/errors.ts";
import { Keyring } from "../../../../src/keys/keyring.ts";
import type { Entry, Seal } from "../../../../src/manifest/model.ts";
import { digestKeyOf } from "../../../../src/run/live/digest-key.ts";
import { Secret } from "../../../../src/secret/secret.ts";
import type { OpenedEntry } from "../../../../src/vault/environment.ts";

/** Which key signs the labels of a container, and which is believed. */

let common: KeyPair;
let prod: KeyPair;
let old: KeyPair;

beforeAll(async () => {
  [common, prod, old] = [await newKeyPair(), await newKeyPair(), await newKeyPair()];
});

type Who = "common" | "prod" | "old";

function pair(who: Who): KeyPair {
  return { common, prod, old }[who];
}

function entry(scope: string, kind: Entry["source"]["kind"]): OpenedEntry {
  const sources = {
    sealed: { kind: "sealed", encrypted: "x" },
    kubernetes: { kind: "kubernetes", secret: "s", key: "k" },
    plain: { kind: "plain", value: "v" },
  };
  const source = sources[kind as keyof typeof sources];
  const value = Secret.take("A", Buffer.from("v"));
  return {
    name: "A",
    value,
    sensitive: kind !== "plain",
    entry: { name: "A", scope, source, place: {} } as unknown as Entry,
  };
}

interface Case {
  readonly title: string;
  readonly entries: readonly (readonly [scope: string, kind: Entry["source"]["kind"]])[];
  /** Private keys that are here. */
  readonly here: readonly Who[];
  /** What the container's label names; left out: a container that is made. */
  readonly named?: Who | null;
  /** The manifest names the same key for all. */
  readonly one?: boolean;
  readonly is: Who | null | "KEY_NOT_FOUND";
}

function sealOf({ one = false }: Case): Seal {
  const keys = one ? [] : [["prod", prod.publicKey.text] as const];
  return { app: "cats", publicKey: common.publicKey.text, keys: new Map(keys) } as unknown as Seal;
}

async function keyOf(one: Case, seal: Seal): Promise<string | null> {
  const entries = one.entries.map(([scope, kind]) => entry(scope, kind));
  const find = async (): Promise<Keyring> => {
    if (one.here.length === 0) throw new KeyStoreError("KEY_NOT_FOUND", "none");
    return new Keyring(
      one.here.map((who) => ({ source: "test", pair: pair(who) })),
      [],
    );
  };
  const { named } = one;
  const fingerprint = named === null ? undefined : pair(named ?? "old").publicKey.fingerprint;
  const labels = named === undefined ? undefined : { fingerprint };
  try {
    using key = await digestKeyOf(seal, find, { entries, environment: "prod" }, labels);
    const whose = (["common", "prod", "old"] as const).find(
      (who) => pair(who).publicKey.fingerprint === key?.fingerprint,
    );
    return whose ?? null;
  } catch (error) {
    if (error instanceof KeyStoreError) return error.code;
    throw error;
  }
}

const PROD = ["prod", "sealed"] as const;
const COMMON = ["common", "sealed"] as const;
const CLUSTER = ["prod", "kubernetes"] as const;
const PLAIN = ["prod", "plain"] as const;

describe("digestKeyOf", () => {
  it.each<Case>([
    { title: "a new container", entries: [PROD, COMMON], here: ["common", "prod"], is: "prod" },
    {
      title: "a new container of common values: whoever opens them can check",
      entries: [COMMON, PLAIN],
      here: ["common", "prod"],
      is: "common",
    },
    { title: "one key for all", entries: [PROD], here: ["common"], one: true, is: "common" },
    { title: "nothing secret", entries: [PLAIN], here: ["common", "prod"], is: null },
    { title: "nothing at all", entries: [], here: ["prod"], named: "prod", is: null },
    {
      title: "signed by the key that counts",
      entries: [PROD, COMMON],
      here: ["common", "prod"],
      named: "prod",
      is: "prod",
    },
    {
      title: "IX26: signed by a holder of the common key alone, who asks for a value of prod",
      entries: [PROD, COMMON],
      here: ["common", "prod"],
      named: "common",
      is: "prod",
    },
    {
      title: "the same for a value of the cluster",
      entries: [CLUSTER, COMMON],
      here: ["common", "prod"],
      named: "common",
      is: "prod",
    },
    {
      title: "common values, signed when there was one of prod",
      entries: [COMMON],
      here: ["common", "prod"],
      named: "prod",
      is: "prod",
    },
    {
      title: "signed by a key that the manifest names no more",
      entries: [PROD],
      here: ["prod", "old"],
      named: "old",
      is: "prod",
    },
    { title: "unsigned", entries: [PROD], here: ["prod"], named: null, is: "prod" },
    { title: "of the cluster, with a key", entries: [CLUSTER], here: ["prod"], is: "prod" },
    {
      title: "of the cluster, with the common key",
      entries: [CLUSTER],
      here: ["common"],
      is: "common",
    },
    { title: "of the cluster, without a key", entries: [CLUSTER], here: [], named: null, is: null },
    {
      title: "sealed for a key that the manifest names no more: a new container",
      entries: [PROD],
      here: ["common", "old"],
      is: null,
    },
    {
      title: "the same for one that asks: the common key does not do",
      entries: [PROD],
      here: ["common", "old"],
      named: "common",
      is: "KEY_NOT_FOUND",
    },
  ])("$title", async (one) => {
    expect(await keyOf(one, sealOf(one))).toBe(one.is);
  });

  it("a manifest that names no key: nobody can have signed", async () => {
    const seal = { app: "cats", keys: new Map() } as unknown as Seal;
    const one: Case = { title: "", entries: [PROD], here: ["prod"], named: null, is: null };
    expect(await keyOf(one, seal)).toBeNull();
  });
});
