import { down, UsageError } from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import { connect } from "./engine.ts";
import { appOf, containersOf, forEach } from "./live-shared.ts";

/** `down CONTAINER…`: revoke, stop, remove. */
export const handle: Handler = async (context) => {
  const { operands: names, out, env, host } = context;
  const timeout = timeoutOf(context);
  const app = await appOf(context);
  const engine = await connect(context);
  const containers = await containersOf(context, engine, { names, app, stopped: true });
  const { results, code } = await forEach(context, containers, async ({ id }) =>
    down({
      engine,
      container: id,
      app,
      env,
      timeout,
      signal: host.signal,
      onWarning: (text) => out.warn(text),
    }),
  );
  if (out.isJson) out.json(results);
  else for (const { container } of results) out.data(container);
  return code;
};

function timeoutOf({ values }: Context): number | undefined {
  const text = values.get("timeout");
  if (text === undefined || /^\d{1,6}$/.test(text)) return text === undefined ? text : Number(text);
  throw new UsageError("USAGE", "--timeout takes a number of seconds", { hint: "--timeout 10" });
}
