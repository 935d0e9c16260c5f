/** Secrets for a container that somebody else creates and starts. */
import type { DeliveryKind } from "../../docker/delivery-choice.ts";
import type { Engine } from "../../docker/engine.ts";
import { InterruptedError, UsageError } from "../../errors.ts";
import { dockerLogins } from "../../vault/logins.ts";
import { findApps } from "../app-container.ts";
import { Cleanup } from "../cleanup.ts";
import { launch, type Launched, type LaunchContext } from "../launch.ts";
import { noIo } from "../no-io.ts";
import type { ContainerOptions, PlanOptions, RunEntry, RunOptions } from "../options.ts";
import { planRun, rawNames } from "../plan.ts";
import { proof } from "../proof.ts";
import { settle } from "../run.ts";
import {
  bodyOf,
  type CreateOptions,
  optionsOf,
  type Request,
  requestOf,
  withoutNames,
} from "./create-options.ts";
import { chooseSecrets, openSecrets, type PullChoice, type SecretsChoice } from "./secrets.ts";
import { connectTo, type Places, placesOf, type Surroundings } from "./surroundings.ts";

/** A create request and the secrets for it. */
export interface DeliverOptions<T extends CreateOptions>
  extends
    Surroundings,
    SecretsChoice,
    PullChoice,
    Pick<PlanOptions, "files" | "owner" | "mode" | "delivery" | "agent" | "variables">,
    Pick<ContainerOptions, "pull">,
    Pick<RunOptions, "identity" | "digestKey" | "strict" | "onWarning"> {
  /** As for dockerode's `createContainer`; not changed. */
  readonly options: T;
  /** Opened values, which stay the caller's; default: those of the environment, opened here. */
  readonly secrets?: readonly RunEntry[] | undefined;
}

/** Secrets in place, for a container that is not there yet. */
export interface Delivered<T extends CreateOptions> extends AsyncDisposable {
  /**
   * For `docker.createContainer`, as it is. `_body` holds the values of variables: handed to dockerode
   * alone, or spread into other options, dockerode would write them into the request's URL, which
   * engines and proxies log.
   */
  readonly options: Request<T>;
  readonly delivery: "none" | DeliveryKind;
  /** With absolute paths. */
  readonly files: readonly { readonly name: string; readonly path: string }[];
  /** Names of all variables, those of the request too. */
  readonly variables: readonly string[];
  /**
   * To be called right after the start: the container has its own hold on the files now, and ours is
   * let go. Disposing does nothing afterwards.
   *
   * @throws {@link DockerError} DELIVERY_FAILED when the program may have found no files
   */
  started(): Promise<void>;
}

/**
 * Adds secrets to a create request: variables to its body, files as mounts. They are there before this
 * returns; disposing it without `started()` takes them back, with a container that was made from the
 * request and never ran.
 *
 * @throws {@link SealmountError} as `launch`
 */
export async function deliver<T extends CreateOptions>(
  o: DeliverOptions<T>,
): Promise<Delivered<T>> {
  if (o.secrets !== undefined) return deliverGiven(o, o.secrets);
  const chosen = await chooseSecrets(o);
  const typed = { ...o, variables: o.variables ?? chosen.variables };
  const plan = planRun(plannedOf(typed, chosen.places, chosen.entries));
  using opened = await openSecrets(o, chosen, rawNames(plan));
  const { auth, entries, identity, digestKey } = opened;
  for (const warning of opened.warnings) o.onWarning?.(warning);
  // awaited here: returning the promise would wipe the values before they are used
  const own = { ...typed, auth, identity, digestKey };
  return await deliverOpened(own, chosen.places, entries ?? []);
}

/** Without a manifest: its logins and its `[run]` are not asked for. */
async function deliverGiven<T extends CreateOptions>(
  o: DeliverOptions<T>,
  secrets: readonly RunEntry[],
): Promise<Delivered<T>> {
  const places = placesOf(o);
  const auth = o.auth ?? dockerLogins({ ...places, signal: o.signal });
  return deliverOpened({ ...o, auth }, places, secrets);
}

function plannedOf(
  o: DeliverOptions<CreateOptions>,
  { env }: Places,
  entries: PlanOptions["entries"],
): PlanOptions {
  const { options: request, files, owner, mode, delivery, agent, variables, pull } = o;
  if (request.Image === undefined || request.Image === "") {
    throw new UsageError("USAGE", "the create request names no Image", {
      hint: "put Image into options",
    });
  }
  return {
    image: request.Image,
    container: { ...optionsOf(request), pull },
    env: withoutNames(env, request),
    entries,
    files,
    owner,
    mode,
    delivery,
    agent,
    variables,
  };
}

async function deliverOpened<T extends CreateOptions>(
  o: DeliverOptions<T>,
  places: Places,
  entries: readonly RunEntry[],
): Promise<Delivered<T>> {
  const planned = plannedOf(o, places, entries);
  const plan = planRun(planned);
  const { identity, digestKey, strict, signal, auth, onPull, onWarning } = o;
  const options: RunOptions = {
    ...planned,
    entries,
    identity,
    digestKey,
    strict,
    signal,
    auth,
    onPull,
    onWarning,
    engine: await connectTo(o, places),
    cwd: places.cwd,
    io: noIo(),
  };
  for (const warning of plan.warnings) onWarning?.(warning);
  const cleanup = new Cleanup();
  const enter = (): void => {
    if (signal?.aborted === true) throw new InterruptedError();
  };
  const context: LaunchContext = {
    options,
    plan,
    profiles: new Map(),
    cidFile: undefined,
    cleanup,
    enter,
    body: bodyOf(o.options),
  };
  try {
    const { make, body } = proof();
    const launched = await launch(context, make);
    return new Prepared(requestOf(o.options, body()), context, launched);
  } catch (error) {
    await takeBack(context);
    throw error;
  }
}

class Prepared<T extends CreateOptions> implements Delivered<T> {
  readonly options: Request<T>;
  readonly delivery: "none" | DeliveryKind;
  readonly files: readonly { readonly name: string; readonly path: string }[];
  readonly variables: readonly string[];
  readonly #context: LaunchContext;
  readonly #launched: Launched;
  #isOver = false;

  constructor(options: Request<T>, context: LaunchContext, launched: Launched) {
    this.options = options;
    this.delivery = launched.delivery?.kind ?? "none";
    this.files = launched.files.map(({ name, path }) => ({ name, path }));
    this.variables = launched.variables;
    this.#context = context;
    this.#launched = launched;
  }

  async started(): Promise<void> {
    if (this.#isOver) return;
    this.#launched.delivery?.assertThere();
    await this.#letGo();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    // somebody forgot to call started(), or failed before: their program is not ours to end
    if (await hasRun(this.#context.options.engine, this.#launched.run)) return this.#letGo();
    this.#isOver = true;
    await takeBack(this.#context);
  }

  async #letGo(): Promise<void> {
    this.#isOver = true;
    this.#context.cleanup.forget(this.#launched.step);
    await settle(this.#context, this.#launched);
    // what has failed is tried once more
    await takeBack(this.#context);
  }
}

/** An engine that does not answer any more can't tell: then everything of ours is taken back. */
async function hasRun(engine: Engine, run: string): Promise<boolean> {
  const apps = await findApps(engine, run).catch(() => []);
  return apps.some(({ State }) => State !== "created");
}

async function takeBack({ cleanup, options }: LaunchContext): Promise<void> {
  await cleanup.finish(options.onWarning);
}
