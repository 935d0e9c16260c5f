/** Pieces of text that both progress views print. Pure. */
import type { WarningEvent } from "./events.ts";
import type { Step } from "./steps.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** `1.5s`, from milliseconds. */
export function secondsText(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)}s`;
}

/** `12.34MB`, in powers of 1000 as docker does. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < UNITS.length - 1; unit += 1) value /= 1000;
  return `${unit === 0 ? String(value) : value.toFixed(2)}${UNITS[unit] ?? ""}`;
}

/** A failed step with its last lines, between rules. */
export function failureText(step: Step): string {
  const lines = [`------`, ` > ${step.name}:`, ...step.lines, `------`];
  return `${lines.join("\n")}\n`;
}

/** One warning, in one line. */
export function warningText(warning: WarningEvent): string {
  const line = warning.line === undefined ? "" : ` (line ${warning.line})`;
  const url = warning.url === undefined ? "" : ` ${warning.url}`;
  return `warning: ${warning.text}${line}${url}\n`;
}
