import { importKey } from "../../index.ts";
import { readValue } from "../input.ts";
import type { Handler } from "../spec.ts";
import { appOf } from "./key-shared.ts";

/** `key import`: puts a private key into the key folder. */
export const handle: Handler = async (context) => {
  const { env, host, out, values } = context;
  const app = await appOf(context);
  using text = await readValue(context, `the private key of ${app}`, "key");
  const add = values.flag("add");
  const { file, fingerprint, publicKey } = await importKey({
    app,
    env,
    home: host.home,
    text,
    add,
  });
  if (out.isJson) out.json({ app, publicKey, fingerprint, file });
  else out.note(`private key ${fingerprint} of ${app} is in ${file}`);
  return 0;
};
