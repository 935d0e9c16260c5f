import { type KeySearch, type Project, searchKeys } from "../../index.ts";
import type { Context } from "../spec.ts";

export type { KeySearch };

/** The private keys of one command, in the places of its options and its environment. */
export function keyringOf(context: Context, project: Project): KeySearch {
  const { values, env, host } = context;
  return searchKeys({
    app: project.manifest.seal.app,
    env,
    home: host.home,
    keyFile: values.get("key-file"),
  });
}
