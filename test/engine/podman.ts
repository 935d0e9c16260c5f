/** Podman for tests: TypeScript around `podman.sh`. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { run, type Ran } from "../support/process.ts";
import { dockerOut } from "./current.ts";
import { runScript } from "./engine.ts";

/** A podman whose containers, images and settings are in a folder of its own, on a disk. */
export interface TestPodman extends AsyncDisposable {
  readonly folder: string;
  /** Folder with the program, for PATH. */
  readonly bin: string;
  run(...args: string[]): Promise<Ran>;
}

/**
 * Makes one that has an image of this run's engine; disposing removes everything.
 *
 * @throws Error with the script's last words where podman can't be had
 */
export async function makePodman(image: string): Promise<TestPodman> {
  const folder = await mkdtemp(join(tmpdir(), "smtest-podman-"));
  try {
    const images = join(folder, "images.tar");
    await dockerOut(["save", "-o", images, image]);
    await runScript("podman.sh", ["make", folder, images], {});
    await rm(images);
  } catch (error) {
    await rm(folder, { recursive: true });
    throw error;
  }
  const bin = join(folder, "bin");
  return {
    folder,
    bin,
    run: async (...args) => run(join(bin, "podman"), args, { env: { PATH: process.env["PATH"] } }),
    async [Symbol.asyncDispose]() {
      await runScript("podman.sh", ["end", folder], {});
      await rm(folder, { recursive: true });
    },
  };
}
