/** `--health-…` and `--no-healthcheck` as the engine's Healthcheck. */
import { UsageError } from "../errors.ts";
import type { ContainerOptions } from "./container-options.ts";
import { parseDuration, parseInteger } from "./flags/numbers.ts";
import { given, present } from "./present.ts";

/** Config.Healthcheck. Times are in nanoseconds; what is left out comes from the image. */
export interface Healthcheck {
  /** `["NONE"]`, or `["CMD-SHELL", COMMAND]`; absent: the image's own. */
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

const COUNT = { min: 0, max: 2 ** 31 - 1 };

/**
 * Undefined when none of the options is given.
 *
 * @throws {@link UsageError} USAGE for a bad duration or number, USAGE_CONFLICT for `--no-healthcheck`
 *   with any of the others
 */
export function healthcheckOf(options: ContainerOptions): Healthcheck | undefined {
  const { healthCmd } = options;
  const times = present<Healthcheck>({
    Interval: duration(options.healthInterval, "health-interval"),
    Timeout: duration(options.healthTimeout, "health-timeout"),
    StartPeriod: duration(options.healthStartPeriod, "health-start-period"),
    StartInterval: duration(options.healthStartInterval, "health-start-interval"),
    Retries: given(options.healthRetries, (text) => parseInteger(text, "health-retries", COUNT)),
  });
  const hasCommand = healthCmd !== undefined && healthCmd !== "";
  // zero is docker's word for "not set"
  const isAsked = hasCommand || Object.values(times).some((value) => value !== 0);
  if (options.noHealthcheck !== true) {
    return isAsked
      ? { ...(hasCommand ? { Test: ["CMD-SHELL", healthCmd] } : {}), ...times }
      : undefined;
  }
  if (!isAsked) return { Test: ["NONE"] };
  throw new UsageError("USAGE_CONFLICT", "--no-healthcheck and --health-… exclude each other");
}

function duration(text: string | undefined, option: string): number | undefined {
  return given(text, (value) => parseDuration(value, option));
}
