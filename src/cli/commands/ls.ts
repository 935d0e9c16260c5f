import { listSecrets, type SecretInfo } from "../../index.ts";
import { columns } from "./columns.ts";
import type { Handler } from "../spec.ts";
import { openProject, optional } from "./shared.ts";

/** `ls`: names and what is known about them. Opens nothing, so it needs no key. */
export const handle: Handler = async (context) => {
  const { values, out } = context;
  const project = await openProject(context);
  const secrets = listSecrets(project, optional("environment", values.get("env")));
  if (out.isJson) out.json(secrets);
  else for (const line of columns(tableOf(secrets))) out.data(line);
  return 0;
};

const HEAD = ["NAME", "SCOPE", "KIND", "KEY", "FILE", "EXPIRES"];

/** The last column is there when something stands in it. */
function tableOf(secrets: readonly SecretInfo[]): string[][] {
  const rows = [HEAD, ...secrets.map(rowOf)];
  if (!secrets.some(({ cache }) => cache !== undefined)) return rows;
  const last = ["CACHE", ...secrets.map(({ cache }) => cache ?? "-")];
  return rows.map((row, index) => [...row, last[index] ?? "-"]);
}

function rowOf({ name, scope, kind, keyId, file, expires }: SecretInfo): string[] {
  return [name, scope, kind, keyId ?? "-", file?.path ?? "-", expires ?? "-"];
}
