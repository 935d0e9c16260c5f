/** Takes back what a run has made, last first. Every step is tried, whatever the others do. */

/** One thing to take back. */
export interface CleanupStep {
  /** What stays behind when the step fails, in words. */
  readonly what: string;
  /** Safe to repeat. */
  readonly undo: () => Promise<void>;
}

/** A stack of steps. */
export class Cleanup {
  #steps: CleanupStep[] = [];

  /** Adds a step. Add it before the thing is made, or nothing takes back a half-made one. */
  add(what: string, undo: () => Promise<void>): CleanupStep {
    const step = { what, undo };
    this.#steps.push(step);
    return step;
  }

  /** Drops a step: the thing is gone, or meant to stay. */
  forget(step: CleanupStep): void {
    this.#steps = this.#steps.filter((other) => other !== step);
  }

  /** Runs one step now. When it fails it stays, to be tried again at the end. */
  async run(step: CleanupStep): Promise<void> {
    await step.undo();
    this.forget(step);
  }

  /**
   * Runs all steps, last first.
   *
   * @returns what is left behind because its step failed
   */
  async runAll(): Promise<string[]> {
    const left: string[] = [];
    for (const step of this.#steps.splice(0).toReversed()) {
      await step.undo().catch(() => left.push(step.what));
    }
    return left;
  }

  /** Runs all steps, and tells what is left behind. */
  async finish(onWarning: ((text: string) => void) | undefined): Promise<void> {
    const left = await this.runAll();
    if (left.length === 0) return;
    onWarning?.(`left behind: ${left.join(", ")}; sealmount doctor --clean removes it`);
  }
}
