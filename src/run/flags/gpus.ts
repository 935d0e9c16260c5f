/** `--gpus`, as docker reads it. */
import { UsageError } from "../../errors.ts";
import { given, present } from "../present.ts";
import { csvFields, mapOfPairs, splitPair } from "./csv.ts";
import { parseInteger } from "./numbers.ts";

/** One element of HostConfig.DeviceRequests. */
export interface DeviceRequest {
  readonly Driver?: string;
  /** -1 is all. */
  readonly Count?: number;
  readonly DeviceIDs?: readonly string[];
  /** All of one inner list. */
  readonly Capabilities?: readonly (readonly string[])[];
  readonly Options?: Readonly<Record<string, string>>;
}

const KEYS: ReadonlySet<string> = new Set(["driver", "count", "device", "capabilities", "options"]);

/**
 * Reads `--gpus all`, `--gpus 2`, or one CSV record such as `"device=0,1","capabilities=utility"`.
 *
 * @throws {@link UsageError} USAGE for an unknown key, one given twice, or a count that is none
 */
export function parseGpus(text: string): DeviceRequest {
  const fields = csvFields(text);
  if (fields === null || text === "") throw invalid("the quotes do not match, or it is empty");
  const asked = new Map<string, string>();
  for (const field of fields) {
    const [key, value] = splitPair(field);
    // a bare word is the count
    const [name, content] = value === undefined ? ["count", key] : [key, value];
    if (!KEYS.has(name)) throw invalid(`unknown key ${JSON.stringify(name)}`);
    if (asked.has(name)) throw invalid(`${name} is given twice`);
    asked.set(name, content);
  }
  return requestOf(asked);
}

function requestOf(asked: ReadonlyMap<string, string>): DeviceRequest {
  const devices = asked.get("device")?.split(",");
  const count = asked.get("count") ?? (devices === undefined ? "1" : undefined);
  return present<DeviceRequest>({
    Driver: asked.get("driver"),
    Count: given(count, countOf),
    DeviceIDs: devices,
    Capabilities: [[...(asked.get("capabilities")?.split(",") ?? []), "gpu"]],
    Options: given(asked.get("options"), optionsOf),
  });
}

function optionsOf(text: string): Record<string, string> {
  const options = csvFields(text);
  if (options === null) throw invalid("the quotes of its options do not match");
  return mapOfPairs(options);
}

function countOf(text: string): number {
  return text === "all" ? -1 : parseInteger(text, "gpus");
}

function invalid(why: string): UsageError {
  return new UsageError("USAGE", `--gpus can't be read: ${why}`, {
    hint: 'write all, a number, or "device=0,1"',
  });
}
