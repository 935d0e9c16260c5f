/** Whether files in this machine's memory can reach a disk after all. */
import { readFile } from "node:fs/promises";

import { type DoctorLine, warnLine } from "./model.ts";

/**
 * A warning for a machine with swap; none elsewhere, and where that can't be known (no Linux).
 *
 * @param path - the kernel's list of swap areas, a line each below one of headings
 */
export async function swapLines(path = "/proc/swaps"): Promise<DoctorLine[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  const areas = text.split("\n").slice(1).filter(Boolean);
  if (areas.length === 0) return [];
  const detail = "this machine swaps, and so can the tmpfs folder with files of containers";
  const fix = "encrypt the swap, or use --delivery volume, which never swaps";
  return [warnLine("swap", detail, fix)];
}
