import { removeSecret } from "../../index.ts";
import type { Handler } from "../spec.ts";
import { openProject, typedScope } from "./shared.ts";

/** `rm NAME`: removes one value; every other byte of the manifest stays. */
export const handle: Handler = async (context) => {
  const { operands, values, out } = context;
  const [name = ""] = operands;
  const scope = typedScope(context);
  const project = await openProject(context);
  const result = await removeSecret(project, { name, scope, force: values.flag("force") });
  if (out.isJson) out.json(result);
  else out.note(`removed ${name} (${result.scope})`);
  return 0;
};
