import {
  dockerLogins,
  type LoginStore,
  type Project,
  PullSecret,
  type PullEvent,
  pullView,
  type Selection,
  slotsThenDocker,
  UsageError,
} from "../../index.ts";
import type { Context } from "../spec.ts";
import type { KeySearch } from "./keyring.ts";
import { loginPlaces } from "./logins.ts";
import { selectionOf } from "./shared.ts";

/** Logins for a pull, and what is delivered beside them. */
export interface RunLogins {
  readonly auth: LoginStore;
  /** All that was typed but the pull secret: no container gets it. */
  readonly selection: Selection;
}

/** Logins that exclude each other, found before anything is read. */
export function refuseTwoLogins({ values }: Context): void {
  if (!values.flag("host-auth") || !values.typed("image-pull-secret")) return;
  throw new UsageError("USAGE_CONFLICT", "--image-pull-secret and --host-auth exclude each other", {
    hint: "give one of them, or neither for [registries] and then docker's own logins",
  });
}

/**
 * Where the logins of a pull come from: `--image-pull-secret` alone, `--host-auth` alone, else the
 * manifest's slots and then docker's own. Nothing is opened before one is asked for.
 *
 * @throws SealmountError SECRET_MISSING when the manifest has no such pull secret
 */
export function runLogins(
  context: Context,
  from: {
    readonly project: Project;
    readonly environment: string;
    readonly keyring: KeySearch;
  },
): RunLogins {
  const { values, env } = context;
  const { project, environment, keyring } = from;
  const selection = selectionOf(context);
  const name = values.get("image-pull-secret");
  if (name === undefined) {
    const places = loginPlaces(context);
    const auth = values.flag("host-auth")
      ? dockerLogins(places)
      : slotsThenDocker(project, keyring.find, places);
    return { auth, selection };
  }
  const auth = new PullSecret(project, { name, environment, keyring: keyring.find, env });
  if (!auth.isOfEnvironment) return { auth, selection };
  return { auth, selection: { ...selection, except: [...(selection.except ?? []), name] } };
}

/** Progress of a pull on stderr; none with `--quiet`. */
export function pullProgress({ values, out }: Context): ((event: PullEvent) => void) | undefined {
  if (values.flag("quiet")) return undefined;
  const { stderr } = out;
  return pullView({
    isTTY: stderr.isTTY,
    columns: stderr.columns,
    rows: stderr.rows,
    write: (text) => out.raw("stderr", text),
  });
}
