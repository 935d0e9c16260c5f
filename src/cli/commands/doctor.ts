import { doctor, type DoctorLine, ERROR_CODES } from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import { connect } from "./engine.ts";

/**
 * `doctor`: manifest, keys, engine, leftovers; each fault with its fix. The exit code is the one
 * that a command would end with for the first fault.
 */
export const handle: Handler = async (context) => {
  const { values, env, host, cwd, out } = context;
  const lines = await doctor({
    env,
    home: host.home,
    cwd,
    file: values.get("manifest"),
    appling: values.get("appling"),
    keyFile: values.get("key-file"),
    connect: async () => connect(context),
    clean: values.flag("clean"),
  });
  if (out.isJson) out.json(lines);
  else for (const line of lines) print(context, line);
  const code = lines.find(({ status }) => status === "fail")?.code;
  return code === undefined ? 0 : ERROR_CODES[code];
};

function print({ out }: Context, { name, status, detail, fix }: DoctorLine): void {
  out.data(`${status.padEnd(4)}  ${name}: ${detail}`);
  if (fix !== undefined) out.data(`      fix: ${fix}`);
}
