import {
  agent,
  type AgentEvent,
  digestKeyOf,
  type KnownContainer,
  namesOf,
  type Project,
  reseed,
} from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import { connect } from "./engine.ts";
import { keyringOf } from "./keyring.ts";
import { openNames } from "./live-shared.ts";
import { environmentOf, openProject } from "./shared.ts";

/** `agent`: files for containers that were started again, until it is told to end. */
export const handle: Handler = async (context) => {
  const { host } = context;
  const project = await openProject(context);
  const engine = await connect(context);
  await agent({
    engine,
    app: project.manifest.seal.app,
    environment: environmentOf(context, project),
    signal: host.signal,
    // the manifest may have been edited since
    seed: async (container) =>
      seed(context, { engine, container, project: await openProject(context) }),
    onEvent: (event) => tell(context, event),
  });
  return 0;
};

async function seed(
  context: Context,
  o: {
    readonly engine: Awaited<ReturnType<typeof connect>>;
    readonly container: KnownContainer;
    readonly project: Project;
  },
): Promise<boolean> {
  const { engine, container, project } = o;
  const { labels, environment } = container;
  using keyring = keyringOf(context, project);
  const names = namesOf(labels.spec);
  const files = labels.spec.files.map(({ name }) => name);
  using opened = await openNames(context, project, { environment, names, files, keyring });
  using digestKey = await digestKeyOf(project.manifest.seal, keyring.find, opened, labels);
  return await reseed({
    engine,
    container,
    entries: opened.entries,
    digestKey: digestKey ?? undefined,
    env: context.env,
  });
}

function tell({ out }: Context, event: AgentEvent): void {
  if (out.isJson) {
    const { error, ...rest } = { error: undefined, ...event };
    const failure = error === undefined ? {} : { code: error.code, message: error.message };
    out.json({ ...rest, ...failure });
    return;
  }
  switch (event.kind) {
    case "watching":
      out.note("watching for containers that start");
      break;
    case "seeded":
      out.note(`${event.container} has its files again (${event.files})`);
      break;
    case "failed":
      out.warn(`${event.container} waits for its files: ${event.error.message}`, event.error.hint);
      break;
    case "lost":
      out.warn(`the engine is away: ${event.error.message}`, event.error.hint);
      break;
  }
}
