/** Memory that is held, not what was let go of and waits for the collector. */
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes of all buffers of this process that something still refers to. */
export async function heldBytes(): Promise<number> {
  for (let i = 0; i < 2; i++) {
    collect();
    // what a finished task held is let go of with it, and the memory of buffers is freed by a thread
    await setImmediate();
  }
  return process.memoryUsage().arrayBuffers;
}

function collect(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
