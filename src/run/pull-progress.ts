/** Draws the progress of a pull: lines, or on a terminal a picture of the layers, as docker does. */
import type { PullEvent, PullStatus } from "./pull.ts";

/** Where to draw: `process.stderr` has all of this. */
export interface PullOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(text: string): unknown;
}

/** A picture is drawn at most this often. */
const DRAW_MS = 100;

/** @returns takes the events of one pull, or of several after each other; draws the end by itself */
export function pullView(output: PullOutput): (event: PullEvent) => void {
  return output.isTTY === true ? picture(output) : plainLines(output);
}

/** Every change of a layer once; no numbers, which would be a line each. */
function plainLines(output: PullOutput): (event: PullEvent) => void {
  const told = new Map<string, string>();
  return (event) => {
    if (event.kind === "begin") output.write(`${beginText(event.image)}\n`);
    if (event.kind !== "status" || event.current !== undefined) return;
    const { id, text } = event;
    if (id !== undefined && told.get(id) === text) return;
    if (id !== undefined) told.set(id, text);
    output.write(`${id === undefined ? "" : `${id}: `}${text}\n`);
  };
}

function beginText(image: string): string {
  return `pulling ${image}`;
}

/** Each picture over the last one. */
function picture(output: PullOutput): (event: PullEvent) => void {
  const layers = new Map<string, string>();
  const rest: string[] = [];
  let drawnLines = 0;
  let drawnAt = -Infinity;
  const draw = (lines: readonly string[]): void => {
    const { columns = 80 } = output;
    const erase = drawnLines === 0 ? "" : `\u001b[${drawnLines}A\r\u001b[J`;
    // a line that wraps would put the next picture over the wrong rows
    output.write(erase + lines.map((line) => `${line.slice(0, columns - 1)}\n`).join(""));
    drawnLines = lines.length;
    drawnAt = Date.now();
  };
  const all = (): string[] => [...[...layers].map(([id, text]) => `${id}: ${text}`), ...rest];
  return (event) => {
    if (event.kind === "begin") {
      layers.clear();
      rest.length = 0;
      drawnLines = 0;
      output.write(`${beginText(event.image)}\n`);
    } else if (event.kind === "status") {
      if (event.id === undefined) rest.push(event.text);
      else layers.set(event.id, layerText(event));
      if (Date.now() - drawnAt >= DRAW_MS) draw(fitting(all(), (output.rows ?? 24) - 2));
    } else {
      draw(all());
    }
  };
}

function layerText({ text, current, total }: PullStatus): string {
  if (current === undefined || total === undefined || total === 0) return text;
  return `${text} ${Math.min(100, Math.floor((100 * current) / total))}%`;
}

/** Where not all layers fit, those that are done make room. */
function fitting(lines: readonly string[], room: number): readonly string[] {
  if (lines.length <= room) return lines;
  const active = lines.filter((line) => !/ (?:Pull complete|Already exists)$/.test(line));
  return active.slice(0, Math.max(1, room));
}
