/** Containers with secrets that are then refreshed, listed and revoked. */
import { randomBytes } from "node:crypto";

import type { Engine } from "../../src/docker/engine.ts";
import { digestsOf } from "../../src/run/live/describe.ts";
import type { DigestKey } from "../../src/run/live/digest-key.ts";
import { ps, type PsLine } from "../../src/run/live/ps.ts";
import { refresh, type RefreshOptions, type RefreshResult } from "../../src/run/live/refresh.ts";
import type { RunEntry } from "../../src/run/options.ts";
import { Secret } from "../../src/secret/secret.ts";
import { dockerCli, dockerOut } from "../engine/current.ts";
import { ENV, type Outcome, remoteEngine, runIn, secret, theEngine } from "./run-harness.ts";

export const KINDS = ["bind", "volume"] as const;
export type Kind = (typeof KINDS)[number];

export const IDENTITY = { app: `smtest-${process.pid}`, environment: "prod" };

/** A key of digests, as one derived from an app's private key. */
export const DIGEST_KEY: DigestKey = {
  key: Secret.take("digest key", randomBytes(32)),
  fingerprint: "0123456789abcdef",
  [Symbol.dispose]: () => undefined,
};

/** The engine as that delivery has it: a volume is for one on another machine. */
export async function engineFor(kind: Kind): Promise<Engine> {
  return kind === "bind" ? theEngine() : remoteEngine();
}

/** Values by name, each a file below /run/secrets. */
export function files(values: Readonly<Record<string, string | Buffer>>): RunEntry[] {
  return Object.entries(values).map(([name, value]) =>
    secret(name, value, { path: `/run/secrets/${name}` }),
  );
}

/** Starts a container that stays, with files of those values. */
export async function start(
  kind: Kind,
  entries: readonly RunEntry[],
  o: Parameters<typeof runIn>[0] = {},
): Promise<Outcome> {
  return runIn({
    engine: await engineFor(kind),
    entries,
    delivery: kind,
    identity: IDENTITY,
    digestKey: DIGEST_KEY,
    command: ["sleep", "300"],
    container: { detach: true, user: "0" },
    ...o,
  });
}

/** Refreshes it with other values. */
export async function refreshed(
  kind: Kind,
  container: string,
  entries: readonly RunEntry[],
  o: Partial<RefreshOptions> = {},
): Promise<RefreshResult> {
  return refresh({
    engine: await engineFor(kind),
    container,
    entries,
    digestKey: DIGEST_KEY,
    env: ENV,
    ...o,
  });
}

/** The line of one container in `ps`. */
export async function lineOf(
  kind: Kind,
  container: string,
  entries: readonly RunEntry[],
): Promise<PsLine | undefined> {
  const digests = digestsOf(DIGEST_KEY, entries);
  const lines = await ps({
    engine: await engineFor(kind),
    env: ENV,
    all: true,
    app: IDENTITY.app,
    current: async () => ({
      digests: (key) => (key === DIGEST_KEY.fingerprint ? digests : null),
      signer: DIGEST_KEY,
    }),
  });
  return lines.find(({ id }) => id === container);
}

export async function inside(container: string, ...command: string[]): Promise<string> {
  return dockerOut(["exec", container, ...command]);
}

/** Away with it, its volumes and its folder. */
export async function remove(container: string): Promise<void> {
  await dockerCli(["rm", "-fv", container]);
}
