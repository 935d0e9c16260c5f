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

/**
 * The same while something else is done: why it fails is told to whoever waits for it.
 *
 * @param then - what will be asked of the engine in any case
 */
export function connectAhead(
  context: Context,
  then: (engine: Engine) => Promise<unknown>,
): () => Promise<Engine> {
  const connecting = connect(context);
  connecting.then(then).catch(() => undefined);
  return async () => connecting;
}
