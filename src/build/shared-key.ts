/** The name under which an engine keeps its copy of a folder, so that only changes are sent. */
import { createHmac } from "node:crypto";
import { readFile, realpath } from "node:fs/promises";
import { hostname } from "node:os";

/**
 * The same for the same folder on this machine every time, another one for every other folder and
 * machine. The engine stores it, so it tells no path: without the machine's id, which is meant to be
 * used like this and never leaves it, nobody can try paths.
 *
 * @param folder - absolute
 * @see https://www.freedesktop.org/software/systemd/man/latest/machine-id.html
 */
export async function sharedKey(folder: string): Promise<string> {
  const path = await realpath(folder).catch(() => folder);
  const machine = await readFile("/etc/machine-id", "utf8").catch(() => "");
  return createHmac("sha256", `sealmount ${machine.trim()} ${hostname()}`)
    .update(path)
    .digest("hex");
}
