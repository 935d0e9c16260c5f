/** Draws a build's progress on a stream: plain lines, a live picture on a terminal, or JSON. */
import type { BuildEvent } from "./events.ts";
import { RawJsonView } from "./raw-json.ts";
import { PlainView } from "./render-plain.ts";
import { painter } from "./render-text.ts";
import { TtyView, type Canvas } from "./render-tty.ts";

/** `auto` is `tty` on a terminal and `plain` elsewhere; `quiet` prints nothing. */
export type ProgressMode = "auto" | "plain" | "tty" | "quiet" | "rawjson";

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

/** Events are drawn at most this often, and time goes on this often without any; as docker does. */
const DRAW_MS = 100;
const REDRAW_MS = 150;

/** Starts a view. Events hold masked text already, so nothing here needs a secret. */
export function progressView(o: {
  readonly mode: ProgressMode;
  readonly output: ProgressOutput;
  readonly color: boolean;
}): ProgressView {
  const { output, color } = o;
  switch (o.mode === "auto" ? (output.isTTY === true ? "tty" : "plain") : o.mode) {
    case "quiet":
      return { onProgress: () => undefined, end: () => undefined };
    case "plain":
      return drive(new PlainView(painter(color)), output, DRAW_MS);
    case "rawjson":
      return drive(new RawJsonView(), output, 0);
    case "tty":
      return drive(new LivePicture(output, color), output, DRAW_MS);
  }
}

/** What draws: takes events, gives text. */
interface View {
  push(event: BuildEvent, now: number): void;
  print(now: number): string;
  end(now: number): string;
}

function drive(view: View, output: ProgressOutput, everyMs: number): ProgressView {
  let hasEnded = false;
  let isPlanned = false;
  let drawn = -Infinity;
  const write = (text: string): void => {
    if (text !== "") output.write(text);
  };
  const draw = (): void => {
    isPlanned = false;
    if (!hasEnded) write(view.print(Date.now()));
  };
  const timer = setInterval(draw, REDRAW_MS);
  return {
    onProgress(event) {
      const now = Date.now();
      view.push(event, now);
      timer.refresh();
      if (isPlanned || now - drawn < everyMs) return;
      // not now: the events of one message come at once and belong together
      isPlanned = true;
      drawn = now;
      queueMicrotask(draw);
    },
    end() {
      if (hasEnded) return;
      hasEnded = true;
      clearInterval(timer);
      write(view.end(Date.now()));
    },
  };
}

/** Each picture over the last one. */
class LivePicture implements View {
  readonly #view = new TtyView();
  readonly #output: ProgressOutput;
  readonly #color: boolean;
  #drawn = 0;

  constructor(output: ProgressOutput, color: boolean) {
    this.#output = output;
    this.#color = color;
  }

  push(event: BuildEvent, now: number): void {
    this.#view.push(event, now);
  }

  print(now: number): string {
    const lines = this.#view.frame(this.#canvas(now));
    const text = `${this.#erase()}${lines.join("\n")}\n`;
    this.#drawn = lines.length;
    return text;
  }

  end(now: number): string {
    return this.#erase() + this.#view.end(this.#canvas(now));
  }

  #canvas(now: number): Canvas {
    const { columns = 80, rows = 24 } = this.#output;
    return { columns, rows, now, color: this.#color };
  }

  /** Up over the last picture, then erase to the end of the screen. */
  #erase(): string {
    return this.#drawn === 0 ? "" : `\u001b[${this.#drawn}A\r\u001b[J`;
  }
}
