import { type Guard, Mask, openForWatch, type Project, type SecretSet } from "../../index.ts";
import type { Context } from "../spec.ts";
import type { KeySearch } from "./keyring.ts";

/** The guard of one command; disposing it wipes what it watches for. */
export interface WatchingGuard extends Guard, Disposable {}

/** Watches for every value of the manifest whose key is found without asking anybody. */
export function guardOf(context: Context, project: Project, keyring: KeySearch): WatchingGuard {
  const { values, out } = context;
  const allowPlaintext = values.flag("allow-plaintext");
  let opened: SecretSet | undefined;
  return {
    allowPlaintext,
    async secrets() {
      opened = await openForWatch(project, keyring.quiet);
      // what may travel comes back: in the excerpt of a Dockerfile, in what a step prints
      if (allowPlaintext) out.protect(new Mask(opened));
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
