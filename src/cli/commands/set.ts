import { COMMON, parseMode, setSecret, UsageError } from "../../index.ts";
import { readValue } from "../input.ts";
import type { Context, Handler } from "../spec.ts";
import { openProject, optional, typedScope } from "./shared.ts";

/** `set NAME`: seals a value into the manifest. */
export const handle: Handler = async (context) => {
  const { operands, values, out } = context;
  const [name = ""] = operands;
  checkName(name);
  const scope = typedScope(context) ?? COMMON;
  const file = fileOf(context);
  const project = await openProject(context);
  using value = await readValue(context, name);
  const result = await setSecret(project, {
    name,
    scope,
    value,
    onlyNew: values.flag("new"),
    ...optional("file", file),
  });
  if (out.isJson) out.json(result);
  else out.note(`${result.replaced ? "replaced" : "sealed"} ${name} (${scope})`);
  return 0;
};

/** A name that can't be one is not repeated: it may be the value. */
function checkName(name: string): void {
  if (/^[\w.-]{1,128}$/.test(name)) return;
  throw new UsageError("USAGE", "that is no name: letters, digits, _ . and -, at most 128", {
    hint: "sealmount set NAME, and the value by prompt, --stdin or --value-file",
  });
}

/** `--file`, `--owner`, `--mode`, checked before anything is read or asked. */
function fileOf({ values }: Context): { path: string; owner?: string; mode?: number } | undefined {
  const [path, owner, mode] = [values.get("file"), values.get("owner"), values.get("mode")];
  if (path === undefined) {
    if (owner === undefined && mode === undefined) return undefined;
    throw new UsageError("USAGE", "--owner and --mode need --file", {
      hint: "add --file /path/in/container",
    });
  }
  return {
    path,
    ...optional("owner", owner),
    ...optional("mode", mode === undefined ? undefined : parseMode(mode)),
  };
}
