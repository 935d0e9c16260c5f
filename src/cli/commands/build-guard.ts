import { type Guard, openForWatch, type Project, type SecretSet } from "../../index.ts";
import type { Context } from "../spec.ts";
import type { KeySearch } from "./keyring.ts";

/** The guard of one command; disposing it wipes what it watches for. */
export interface WatchingGuard extends Guard, Disposable {}

/** Watches for every value of the manifest whose key is found without asking anybody. */
export function guardOf(context: Context, project: Project, keyring: KeySearch): WatchingGuard {
  const { values, out } = context;
  let opened: SecretSet | undefined;
  return {
    allowPlaintext: values.flag("allow-plaintext"),
    async secrets() {
      opened = await openForWatch(project, keyring.quiet);
      return opened;
    },
    onReady(count) {
      if (values.flag("debug")) out.note(`guard: watching for ${count} values`);
    },
    [Symbol.dispose]() {
      opened?.wipe();
    },
  };
}
