import { COMMON, parseMode, registryHost, setSecret, setSlots, UsageError } from "../../index.ts";
import { readValue } from "../input.ts";
import type { Context, Handler } from "../spec.ts";
import { slotNote } from "./logins.ts";
import { openProject, optional, typedScope } from "./shared.ts";

/** `set NAME`: seals a value into the manifest; with `--type registry` a login. */
export const handle: Handler = async (context) => {
  const { operands, values, out } = context;
  const [name = ""] = operands;
  if (values.get("type") !== undefined) return setLogin(context, name);
  if (values.get("username") !== undefined) throw conflict("--username needs --type registry");
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

/** Not for a login, which is valid in every environment and goes to no container. */
const OF_VALUES = ["env", "file", "owner", "mode"] as const;

/** `set HOST --type registry`: the password of a login for pulls, or its token. */
async function setLogin(context: Context, name: string): Promise<number> {
  const { values, out } = context;
  const typed = OF_VALUES.find((option) => values.get(option) !== undefined);
  const other = values.flag("build") ? "build" : typed;
  if (other !== undefined) throw conflict(`--${other} has no meaning with --type registry`);
  const host = registryHost(name);
  const username = values.get("username") ?? "";
  if (/\p{C}/u.test(username)) throw conflict("--username takes no control characters");
  const project = await openProject(context);
  using secret = await readValue(context, host);
  const slots = [{ host, username, secret }];
  const [result] = await setSlots(project, { slots, force: !values.flag("new") });
  if (out.isJson) out.json(result);
  else if (result !== undefined) out.note(slotNote(result));
  return 0;
}

function conflict(message: string): UsageError {
  const hint = "sealmount set HOST --type registry --username NAME";
  return new UsageError("USAGE_CONFLICT", message, { hint });
}

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
