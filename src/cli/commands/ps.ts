import {
  type DigestKey,
  digestKeyFor,
  digestKeyOf,
  digestsOf,
  type Keyring,
  type LaunchLabels,
  type OpenedEnvironment,
  type Project,
  ps,
  type PsLine,
  SealmountError,
  type ValuesOfNow,
} from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import { columns } from "./columns.ts";
import { connect } from "./engine.ts";
import { type KeySearch, keyringOf } from "./keyring.ts";
import { openNames } from "./live-shared.ts";
import { openProject } from "./shared.ts";

/** `ps`: containers with secrets. What can't be told is a status, never an error. */
export const handle: Handler = async (context) => {
  const { values, out, env } = context;
  const found = await projectOf(context);
  const engine = await connect(context);
  using now = new CurrentValues(context, found);
  const lines = await ps({
    engine,
    env,
    app: appFilter(context, found),
    environment: values.get("env"),
    all: values.flag("all"),
    current: async (labels, names) => now.of(labels, names),
  });
  const stale = lines.filter(({ status }) => status.kind !== "up to date");
  const shown = values.flag("stale") ? stale : lines;
  if (out.isJson) out.json(shown);
  else
    for (const line of columns([HEAD, ...shown.map((one) => rowOf(context, one))])) out.data(line);
  return values.flag("stale") && stale.length > 0 ? 9 : 0;
};

type Found = Project | SealmountError;

async function projectOf(context: Context): Promise<Found> {
  try {
    return await openProject(context);
  } catch (error) {
    if (error instanceof SealmountError) return error;
    throw error;
  }
}

function appFilter({ values }: Context, found: Found): string | undefined {
  if (values.flag("any-app")) return undefined;
  return (
    values.get("app") ?? (found instanceof SealmountError ? undefined : found.manifest.seal.app)
  );
}

/** The values of now, each environment's opened once for the same names. */
class CurrentValues implements Disposable {
  readonly #context: Context;
  readonly #found: Found;
  readonly #opened = new Map<string, OpenedEnvironment>();
  #keyring: KeySearch | undefined;
  #keys: Keyring | undefined;

  constructor(context: Context, found: Found) {
    this.#context = context;
    this.#found = found;
  }

  async of(labels: LaunchLabels, names: readonly string[]): Promise<ValuesOfNow> {
    const found = this.#found;
    if (found instanceof SealmountError) throw found;
    const { seal } = found.manifest;
    const { app, environment } = labels;
    if (app !== seal.app) {
      throw new SealmountError("MANIFEST_NOT_FOUND", `the manifest here is not that of app ${app}`);
    }
    this.#keyring ??= keyringOf(this.#context, found);
    const opened = await this.#open(found, environment, names, this.#keyring);
    const keys = (this.#keys ??= await this.#keyring.quiet());
    return {
      signer: await digestKeyOf(seal, this.#keyring.find, opened, labels),
      digests: (fingerprint) => {
        const key = digestKeyFor(keys, seal, { environment, fingerprint });
        return key === null ? null : digestsBy(key, opened);
      },
    };
  }

  async #open(
    project: Project,
    environment: string,
    names: readonly string[],
    keyring: KeySearch,
  ): Promise<OpenedEnvironment> {
    const key = JSON.stringify([environment, names]);
    const before = this.#opened.get(key);
    if (before !== undefined) return before;
    const o = { environment, names, files: names, keyring };
    const opened = await openNames(this.#context, project, o);
    this.#opened.set(key, opened);
    return opened;
  }

  [Symbol.dispose](): void {
    for (const opened of this.#opened.values()) opened[Symbol.dispose]();
    this.#keyring?.[Symbol.dispose]();
  }
}

function digestsBy(key: DigestKey, { entries }: OpenedEnvironment): ReadonlyMap<string, string> {
  try {
    return digestsOf(key, entries);
  } finally {
    key[Symbol.dispose]();
  }
}

const HEAD = ["CONTAINER ID", "NAME", "APP", "ENV", "STATE", "SECRETS", "STATUS"];

/** So many characters of an id docker shows, too. */
const SHORT_ID = 12;

function rowOf({ values }: Context, line: PsLine): string[] {
  const { id, name, app, environment, state, status } = line;
  const whole = values.flag("no-trunc");
  const secrets = [...line.files, ...line.variables];
  return [
    whole ? id : id.slice(0, SHORT_ID),
    name,
    app,
    environment,
    state,
    whole ? secrets.join(",") : String(secrets.length),
    statusText(status),
  ];
}

function statusText(status: PsLine["status"]): string {
  switch (status.kind) {
    case "up to date":
      return "up to date";
    case "stale":
      return `stale: ${status.names.join(", ")}`;
    case "unknown":
    case "untrusted":
      return `${status.kind}: ${status.why}`;
  }
}
