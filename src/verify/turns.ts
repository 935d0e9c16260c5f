import { setImmediate } from "node:timers/promises";

/** Milliseconds of work after which signals, sockets and whatever else waits get their turn. */
const TURN_MS = 10;

/** For long work without a wait in it: has whatever else the process does get its turn. */
export class Turns {
  #last = performance.now();

  /** @returns a promise to wait for, when it is somebody else's turn */
  next(): Promise<void> | undefined {
    return performance.now() - this.#last > TURN_MS ? this.#give() : undefined;
  }

  async #give(): Promise<void> {
    await setImmediate();
    this.#last = performance.now();
  }
}
