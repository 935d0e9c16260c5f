import { revoke, type RevokeResult } from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import { connect } from "./engine.ts";
import { appOf, containersOf, forEach } from "./live-shared.ts";

/** `revoke CONTAINER…`: files are emptied, programs keep running. */
export const handle: Handler = async (context) => {
  const { operands: names, out, env, host } = context;
  const app = await appOf(context);
  const engine = await connect(context);
  const containers = await containersOf(context, engine, { names, app, stopped: true });
  const { results, code } = await forEach(context, containers, async ({ id }) =>
    revoke({
      engine,
      container: id,
      app,
      env,
      signal: host.signal,
      onWarning: (text) => out.warn(text),
    }),
  );
  if (out.isJson) out.json(results);
  else for (const result of results) print(context, result);
  if (code !== 0) return code;
  return results.some(({ left }) => left.length > 0) ? 9 : 0;
};

function print({ out }: Context, { container, revoked, left }: RevokeResult): void {
  const done = revoked.length === 0 ? "has no files" : `revoked ${revoked.join(", ")}`;
  out.data(`${container}: ${done}`);
  for (const { name, why } of left) out.warn(`${container} keeps ${name}: ${why}`);
}
