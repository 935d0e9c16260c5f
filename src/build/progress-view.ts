/** Draws a build's progress on a stream: plain lines, or a live picture on a terminal. */
import type { BuildEvent } from "./events.ts";
import { PlainView } from "./render-plain.ts";
import { TtyView, type Canvas } from "./render-tty.ts";

/** `auto` is `tty` on a terminal and `plain` elsewhere; `quiet` prints nothing. */
export type ProgressMode = "auto" | "plain" | "tty" | "quiet";

/** Where to draw: `process.stderr` has all of this. */
export interface ProgressOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(text: string): unknown;
}

/** A view at work. */
export interface ProgressView {
  onProgress(event: BuildEvent): void;
  /** Draws the end and stops. Call it in any case, also after an error. Safe to repeat. */
  end(): void;
}

/** Often enough to look alive, seldom enough to cost nothing. */
const REDRAW_MS = 150;

/** Starts a view. Events hold masked text already, so nothing here needs a secret. */
export function progressView(o: {
  readonly mode: ProgressMode;
  readonly output: ProgressOutput;
  readonly color: boolean;
}): ProgressView {
  const mode = o.mode === "auto" ? (o.output.isTTY === true ? "tty" : "plain") : o.mode;
  if (mode === "quiet") return { onProgress: () => undefined, end: () => undefined };
  return mode === "tty" ? liveView(o.output, o.color) : plainView(o.output);
}

function plainView(output: ProgressOutput): ProgressView {
  const view = new PlainView();
  let ended = false;
  const print = (text: string): void => {
    if (text !== "") output.write(text);
  };
  return {
    onProgress: (event) => print(view.push(event)),
    end() {
      if (!ended) print(view.end());
      ended = true;
    },
  };
}

function liveView(output: ProgressOutput, color: boolean): ProgressView {
  const view = new TtyView();
  let drawn = 0;
  let ended = false;
  const canvas = (): Canvas => ({
    columns: output.columns ?? 80,
    rows: output.rows ?? 24,
    now: Date.now(),
    color,
  });
  // up over the last picture, then erase to the end of the screen
  const erase = (): string => (drawn === 0 ? "" : `\u001b[${drawn}A\r\u001b[J`);
  const timer = setInterval(() => {
    const lines = view.frame(canvas());
    output.write(`${erase()}${lines.join("\n")}\n`);
    drawn = lines.length;
  }, REDRAW_MS);
  return {
    onProgress: (event) => view.push(event),
    end() {
      if (ended) return;
      ended = true;
      clearInterval(timer);
      output.write(erase() + view.end(canvas()));
    },
  };
}
