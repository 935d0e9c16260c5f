import { newKeyPair, writeKeyFile } from "../../index.ts";
import type { Handler } from "../spec.ts";
import { appOf } from "./key-shared.ts";

/** `key new`: the private half goes to the key folder, only the public half is printed. */
export const handle: Handler = async (context) => {
  const { env, host, out, values } = context;
  const app = await appOf(context);
  const pair = await newKeyPair();
  const { text: publicKey, fingerprint } = pair.publicKey;
  const add = values.flag("add");
  const written = writeKeyFile({ app, home: host.home, env, pair, add });
  const file = await written.finally(() => pair.privateKey.wipe());
  if (out.isJson) out.json({ app, publicKey, fingerprint, file });
  else {
    out.data(publicKey);
    out.note(`private key ${fingerprint} of ${app} is in ${file}: keep a copy elsewhere`);
  }
  return 0;
};
