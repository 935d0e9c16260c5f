import { type KeyFileInfo, listKeyFiles } from "../../index.ts";
import { columns } from "./columns.ts";
import type { Handler } from "../spec.ts";

/** `key ls`: the keys of the key folder, by fingerprint; what is wrong with a file stands last. */
export const handle: Handler = async ({ env, host, out }) => {
  const keys = await listKeyFiles({ env, home: host.home });
  if (out.isJson) out.json(keys);
  else for (const line of columns([HEAD, ...keys.map(rowOf)])) out.data(line);
  return 0;
};

const HEAD = ["APP", "KEY", "PUBLIC KEY", "FILE"];

function rowOf({ app, fingerprint, publicKey, file, problem }: KeyFileInfo): string[] {
  return [app, fingerprint ?? "-", publicKey ?? "-", problem ?? file];
}
