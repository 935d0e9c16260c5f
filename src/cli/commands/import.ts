import {
  importLogins,
  type ImportLoginsOptions,
  type ImportedLogin,
  planLoginImport,
  UsageError,
} from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import { loginPlaces, slotNote } from "./logins.ts";
import { openProject } from "./shared.ts";

/** `import`: seals what other tools keep. So far that is docker's logins. */
export const handle: Handler = async (context) => {
  const { values, out } = context;
  const options: ImportLoginsOptions = {
    hosts: hostsOf(context),
    places: loginPlaces(context),
    force: values.flag("force"),
  };
  const project = await openProject(context);
  if (values.flag("dry-run")) {
    out.json(await planLoginImport(project, options));
    return 0;
  }
  const imported = await importLogins(project, options);
  if (out.isJson) out.json(imported);
  else for (const login of imported) report(context, login);
  return 0;
};

function hostsOf({ values }: Context): readonly string[] {
  const hosts = values.list("docker-auth");
  if (hosts.length > 0) return hosts;
  throw new UsageError("USAGE", "nothing to import is named", {
    hint: "sealmount import --docker-auth ghcr.io",
  });
}

function report({ out }: Context, login: ImportedLogin): void {
  out.note(slotNote(login));
  if (!login.shortLived) return;
  out.warn(
    `such a token for ${login.host} ends within hours`,
    "use a login that lasts, or pull with --host-auth",
  );
}
