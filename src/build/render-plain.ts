/** Progress as lines, for pipes and logs. Pure: events in, text out. */
import type { BuildEvent, LogEvent, StatusEvent, StepEvent, WarningEvent } from "./events.ts";
import { bytesText, failureText, secondsText, warningText } from "./render-text.ts";
import { durationOf, isCanceled, Steps, type Step } from "./steps.ts";

/** Renders one build. Every line carries the number of its step, so that steps may interleave. */
export class PlainView {
  readonly #steps = new Steps();
  readonly #shown = new Set<string>();
  readonly #closed = new Set<string>();
  readonly #warnings: WarningEvent[] = [];

  /** @returns what to print for one event: whole lines, or "" */
  push(event: BuildEvent): string {
    if (event.kind === "warning") this.#warnings.push(event);
    const step = this.#steps.push(event);
    if (step === null || event.kind === "warning") return "";
    return this.#header(step) + this.#body(step, event);
  }

  /** @returns what to print at the end: failed steps, then warnings */
  end(): string {
    return this.#steps.failed.map(failureText).join("") + this.#warnings.map(warningText).join("");
  }

  #header(step: Step): string {
    if (this.#shown.has(step.id)) return "";
    this.#shown.add(step.id);
    return `#${step.number} ${step.name}\n`;
  }

  #body(step: Step, event: StepEvent | StatusEvent | LogEvent): string {
    if (event.kind === "step") return this.#outcome(step);
    if (event.kind === "status") return partText(step, event);
    const since = ((event.at - step.started) / 1000).toFixed(3);
    return event.lines.map((line) => `#${step.number} ${since} ${line}\n`).join("");
  }

  #outcome(step: Step): string {
    if (!step.done) {
      this.#closed.delete(step.id);
      return "";
    }
    if (this.#closed.has(step.id)) return "";
    this.#closed.add(step.id);
    return `#${step.number} ${outcomeText(step)}\n\n`;
  }
}

function outcomeText(step: Step): string {
  if (step.error !== null) return isCanceled(step.error) ? "CANCELED" : `ERROR: ${step.error}`;
  // a cached step is done at once: the time until now does not count
  return step.cached ? "CACHED" : `DONE ${secondsText(durationOf(step, 0))}`;
}

/** Parts are shown once they are complete: a log has no use for percentages. */
function partText(step: Step, part: StatusEvent): string {
  if (part.completed === undefined) return "";
  const size = part.total > 0 ? ` ${bytesText(part.current)} / ${bytesText(part.total)}` : "";
  const time = part.started === undefined ? "" : ` ${secondsText(part.completed - part.started)}`;
  return `#${step.number} ${part.id}${size}${time} done\n`;
}
