/** A manifest with sealed values, for benchmarks. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parsePublicKey } from "../src/crypto/keypair.ts";
import { seal } from "../src/crypto/seal.ts";
import { Secret } from "../src/secret/secret.ts";
import { sealmountOut } from "../test/support/cli.ts";
import type { World } from "../test/support/temp.ts";
import { names, value } from "./peers.ts";

/**
 * Writes a manifest with `count` values in `[env.common]`, and its key where sealmount looks for it.
 *
 * @returns the values, made at this moment
 */
export async function prepareSealmount(world: World, count: number): Promise<readonly string[]> {
  await sealmountOut(["init", "--app", "bench"], { cwd: world.cwd, env: world.env });
  const file = join(world.cwd, "iterapp.toml");
  const manifest = await readFile(file, "utf8");
  const publicKey = parsePublicKey(/^public_key = "([^"]+)"/m.exec(manifest)?.[1] ?? "");
  if (publicKey === null) throw new Error("init wrote no public key");
  const values: string[] = [];
  const lines: string[] = [];
  for (const name of names(count)) {
    const plain = value();
    using secret = Secret.take(name, Buffer.from(plain));
    const sealed = await seal(publicKey, { app: "bench", scope: "common", name }, secret);
    values.push(plain);
    lines.push(`${name} = { encrypted = "${sealed}" }\n`);
  }
  const withoutTable = manifest.replace(/^\[env\.common\]\n/m, "");
  await writeFile(file, `${withoutTable}\n[env.common]\n${lines.join("")}`);
  return values;
}
