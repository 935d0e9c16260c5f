import { Engine, resolveEndpoint } from "../../index.ts";
import type { Context } from "../spec.ts";

/** Connects to the engine that `--host`, `--context` or the environment names. */
export async function connect(context: Context): Promise<Engine> {
  const { values, env, host } = context;
  const endpoint = await resolveEndpoint({
    host: values.get("host"),
    context: values.get("context"),
    env,
    home: host.home,
  });
  return Engine.connect(endpoint, { signal: host.signal });
}
