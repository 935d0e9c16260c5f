/** Files for a tool without the Engine API: in a private folder of this machine's memory, bound one by one. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";

import {
  findTmpfsRoot,
  keepPrivateFolder,
  listPrivateFolders,
  makePrivateFolder,
  removePrivateFolder,
} from "../docker/host-tmpfs.ts";
import { LABEL_FOLDER, LABEL_RUN } from "../docker/labels.ts";
import { DockerError } from "../errors.ts";
import type { FileToDeliver } from "./delivery/delivery.ts";
import { fillSources, makeSources } from "./delivery/host-tree.ts";
import { storeLayout } from "./delivery/layout.ts";
import { placeFiles } from "./delivery/placement.ts";
import { checkTogether, resolveTarget } from "./file-target.ts";
import { targetsOf } from "./create-body.ts";
import type { RunEntry } from "./options.ts";
import { IMAGE_USER, numericOwner, type Ids } from "./owner.ts";
import type { PlannedFile, RunPlan } from "./plan.ts";
import type { Handed, RunViaOptions } from "./via-options.ts";
import type { RunTool } from "./via-plan.ts";

/**
 * Writes the files.
 *
 * @throws {@link DockerError} DELIVERY_OWNER for an owner that only the image's tables or another user
 *   could tell, DELIVERY_PATH for a path that depends on the image, DELIVERY_FAILED without a private
 *   tmpfs folder
 */
export async function filesForTool(options: RunViaOptions, plan: RunPlan): Promise<Handed> {
  const { tool, env, childEnv } = options;
  const files = plan.files.map((file) => fileOf(file, plan, options.entries ?? []));
  checkTogether(files, targetsOf(plan.container, options.cwd));
  const owners = plan.files.map((file) => ownerOf(file, plan));
  const root = await findTmpfsRoot(env);
  if (root === null) {
    throw new DockerError("DELIVERY_FAILED", "there is no private tmpfs folder on this machine", {
      hint: "deliver variables, or use --via docker",
    });
  }
  await sweep(tool, childEnv, env);
  const run = randomBytes(8).toString("hex");
  // no engine of docker's has that name, so that none takes the folder for one of its own
  const note = { engine: tool, run };
  const folder = await makePrivateFolder(root, note);
  try {
    const layout = storeLayout(placeFiles(files, new Map()));
    makeSources(folder, layout);
    fillSources(folder, layout, { files, owners, note: "" });
    await keepPrivateFolder(folder, note);
    return {
      labels: { [LABEL_RUN]: run, [LABEL_FOLDER]: folder },
      mounts: layout.singles.map(({ key, target }) => ({
        Type: "bind",
        Source: join(folder, key),
        Target: target,
        ReadOnly: true,
      })),
      watch: () => undefined,
      ended: async () => {
        const isKept = await exists(tool, childEnv, {
          run,
          all: plan.delivery.life === "container",
        });
        if (!isKept) await removePrivateFolder(folder);
      },
      takeBack: async () => removePrivateFolder(folder),
    };
  } catch (error) {
    await removePrivateFolder(folder);
    throw error;
  }
}

function fileOf(
  { name, path, mode }: PlannedFile,
  { container }: RunPlan,
  entries: readonly RunEntry[],
): FileToDeliver {
  const entry = entries.find((other) => other.name === name);
  if (entry === undefined) throw new Error(`no entry for file ${name}`);
  if (!path.startsWith("/") && container.workdir === undefined) {
    const fact = `${name} can't be delivered to ${JSON.stringify(path)}: the image's working folder is not known`;
    throw new DockerError("DELIVERY_PATH", fact, {
      hint: "give an absolute path, --workdir, or use --via docker",
    });
  }
  const target = resolveTarget(path, container.workdir);
  // what the image has there is not known either: each file is mounted alone
  return { name, path: target, mode, ownFolder: false, value: entry.value };
}

/** Without root's rights, the tool maps us to the container's root, and nobody else can be given a file. */
function ownerOf({ name, owner }: PlannedFile, { container }: RunPlan): Ids {
  const ids = numericOwner(owner === IMAGE_USER ? (container.user ?? "?") : owner);
  const own = ownIds();
  if (own.uid === 0 && ids !== null) return ids;
  if (ids?.uid === 0 && ids.gid === 0) return own;
  throw new DockerError("DELIVERY_OWNER", `${name} can't be given to ${JSON.stringify(owner)}`, {
    hint: own.uid === 0 ? NUMBERS : "only root may give files to another owner than root",
  });
}

/** Zeros where a system has no such numbers: there is no tmpfs there either. */
function ownIds(): Ids {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
}

const NUMBERS = "write the owner in numbers, such as 1000:1000, or use --via docker";

/** Removes folders whose containers are gone. Never fails: it is on the way of something else. */
async function sweep(
  tool: RunTool,
  childEnv: RunViaOptions["childEnv"],
  env: RunViaOptions["env"],
): Promise<void> {
  for (const { path, note } of await listPrivateFolders(env)) {
    if (note?.engine !== tool || !note.kept) continue;
    const isKept = await exists(tool, childEnv, { run: note.run, all: true });
    if (!isKept) await removePrivateFolder(path).catch(() => undefined);
  }
}

/** @param o.all - stopped ones, too. A tool that gives no answer keeps its files. */
async function exists(
  tool: RunTool,
  env: RunViaOptions["childEnv"],
  o: { readonly run: string; readonly all: boolean },
): Promise<boolean> {
  const args = ["ps", ...(o.all ? ["--all"] : []), "--quiet", "--filter"];
  try {
    const { stdout } = await promisify(execFile)(tool, [...args, `label=${LABEL_RUN}=${o.run}`], {
      env: { ...env },
    });
    return stdout.trim() !== "";
  } catch {
    return true;
  }
}
