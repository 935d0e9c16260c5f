import type { Fields } from "./fields.ts";
import type { RunSection, VariableDelivery } from "./model.ts";
import { nearMiss } from "./near-miss.ts";

const WAYS: readonly VariableDelivery[] = ["plain", "hidden", "file"];

/** Reads `[run]`: what holds for `run` where its options say nothing else. */
export function readRun(root: Fields): RunSection | undefined {
  const fields = root.table("run");
  if (!fields) return undefined;
  fields.refuseUnknown(["env"], "key of [run]");
  const env = readWay(fields, "env");
  return env === undefined ? {} : { env };
}

function readWay(fields: Fields, name: string): VariableDelivery | undefined {
  const text = fields.text(name);
  if (text === undefined) return undefined;
  const way = WAYS.find((one) => one === text);
  if (way !== undefined) return way;
  const meant = nearMiss(text, WAYS);
  return fields.complain(name, "this is no way for a variable to travel", {
    hint: meant === undefined ? `known are: ${WAYS.join(", ")}` : `did you mean ${meant}?`,
  });
}
