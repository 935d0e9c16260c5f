import {
  checkAfter,
  digestKeyOf,
  type KnownContainer,
  namesOf,
  type Project,
  refresh,
  type RefreshOptions,
  type RefreshResult,
} from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import { connect } from "./engine.ts";
import { type KeySearch, keyringOf } from "./keyring.ts";
import { containersOf, forEach, openNames } from "./live-shared.ts";
import { maskedStream, protect } from "./masking.ts";
import { openProject, warnAll } from "./shared.ts";

/** `refresh CONTAINER…`: the values of now for containers that run. */
export const handle: Handler = async (context) => {
  const { values, out } = context;
  const { names, command } = split(context);
  const exec = command ?? shellOf(values.get("exec"));
  checkAfter({ signal: values.get("signal"), exec });
  const project = await openProject(context);
  const { app } = project.manifest.seal;
  const engine = await connect(context);
  const containers = await containersOf(context, engine, { names, app, stopped: false });
  using keyring = keyringOf(context, project);
  const { results, code } = await forEach(context, containers, async (container) =>
    refreshOne(context, { container, project, keyring, exec }, { engine, app }),
  );
  if (out.isJson) out.json(results);
  else for (const result of results) print(context, result);
  if (code !== 0) return code;
  return results.some(({ stale }) => stale.length > 0) ? 9 : 0;
};

interface One {
  readonly container: KnownContainer;
  readonly project: Project;
  readonly keyring: KeySearch;
  readonly exec: readonly string[] | undefined;
}

async function refreshOne(
  context: Context,
  { container, project, keyring, exec }: One,
  o: Pick<RefreshOptions, "engine" | "app">,
): Promise<RefreshResult> {
  const { values, out, host, env } = context;
  const { labels, environment } = container;
  const files = labels.spec.files.map(({ name }) => name);
  const names = namesOf(labels.spec);
  using opened = await openNames(context, project, { environment, names, files, keyring });
  warnAll(context, opened.warnings);
  const output = maskedStream(host.stderr, protect(context, opened.entries));
  using digestKey = await digestKeyOf(project.manifest.seal, keyring.find, opened, labels);
  try {
    return await refresh({
      ...o,
      container: container.id,
      entries: opened.entries,
      digestKey: digestKey ?? undefined,
      env,
      force: values.flag("force"),
      after: { signal: values.get("signal"), exec, output: output.stream },
      signal: host.signal,
      onWarning: (text) => out.warn(text),
    });
  } finally {
    await output.finish();
  }
}

/** Containers, and the command behind `--`; with `--all` there are no containers to part it from. */
function split({ operands, values }: Context): {
  readonly names: readonly string[];
  readonly command: readonly string[] | undefined;
} {
  const at = operands.indexOf("--");
  if (at >= 0) return { names: operands.slice(0, at), command: operands.slice(at + 1) };
  const isCommand = values.flag("all") && operands.length > 0;
  return isCommand ? { names: [], command: operands } : { names: operands, command: undefined };
}

function shellOf(text: string | undefined): readonly string[] | undefined {
  return text === undefined ? undefined : ["/bin/sh", "-c", text];
}

function print({ out }: Context, { container, refreshed, stale }: RefreshResult): void {
  const done = refreshed.length === 0 ? "no file has changed" : `refreshed ${refreshed.join(", ")}`;
  out.data(`${container}: ${done}`);
  for (const { name, why } of stale) out.warn(`${container} still has the old ${name}: ${why}`);
}
