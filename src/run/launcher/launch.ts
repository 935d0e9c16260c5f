/** A container with the secrets of its app, in one call: what `sealmount run --detach` does. */
import { noIo } from "../no-io.ts";
import type { ContainerOptions, PlanOptions, RunOptions, RunResult } from "../options.ts";
import { planRun, rawNames } from "../plan.ts";
import { run } from "../run.ts";
import { chooseSecrets, openSecrets, type PullChoice, type SecretsChoice } from "./secrets.ts";
import { connectTo, type Surroundings } from "./surroundings.ts";

/** What to start. What is left out is as on the command line. */
export interface LaunchOptions
  extends
    Surroundings,
    SecretsChoice,
    PullChoice,
    Omit<PlanOptions, "container" | "entries" | "env" | "envFileTexts">,
    Pick<RunOptions, "strict"> {
  /** All options of `docker run`; it is always detached. */
  readonly container?: Omit<ContainerOptions, "detach"> | undefined;
}

/** A container that runs. */
export interface LaunchResult extends Omit<RunResult, "exitCode"> {
  readonly environment: string;
  /** In words; a value is never part of them. */
  readonly warnings: readonly string[];
}

/**
 * Starts a container with the secrets of one environment and returns once it runs. Prints nothing.
 * All values and keys that were found on the way are wiped, also when it fails; then nothing of the
 * container is left either. Its files live as long as it does, without this process.
 *
 * @throws {@link SealmountError} with a code for each thing that can go wrong: the manifest
 *   (MANIFEST_…, SECRET_MISSING), the keys (KEY_…), the values (UNSEAL_…), the engine (DOCKER_…,
 *   IMAGE_…, DELIVERY_…), the options (USAGE_…), POLICY, INTERRUPTED
 */
export async function launch(options: LaunchOptions): Promise<LaunchResult> {
  const chosen = await chooseSecrets(options);
  const { environment, places, entries } = chosen;
  const typed = {
    ...options,
    variables: options.variables ?? chosen.variables,
    container: { ...options.container, detach: true },
    env: places.env,
  };
  // everything that names alone can get wrong is found before a key or the engine is asked
  const plan = planRun({ ...typed, entries });
  using opened = await openSecrets(options, chosen, rawNames(plan));
  const warnings = [...opened.warnings];
  const { exitCode: _exitCode, ...result } = await run({
    ...typed,
    ...opened,
    engine: await connectTo(options, places),
    cwd: places.cwd,
    io: noIo(),
    onWarning: (text) => warnings.push(text),
  });
  return { ...result, environment, warnings };
}
