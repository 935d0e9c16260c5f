/**
 * Set-up of vitest's project `e2e`: one engine with base images, and an up-to-date build of the
 * command line. Which engine: SEALMOUNT_TEST_ENGINE, else the first of SEALMOUNT_TEST_ENGINES, else
 * the default. (`npm test` runs the project once for every engine of SEALMOUNT_TEST_ENGINES.)
 */
import { ensureBuilt } from "../../scripts/build.ts";
import { DEFAULT_VARIANT, makeBaseImages, startEngine } from "./engine.ts";
import { shareEngine } from "./current.ts";

export default async function setup(): Promise<void> {
  const asked = process.env["SEALMOUNT_TEST_ENGINE"] ?? process.env["SEALMOUNT_TEST_ENGINES"];
  const variant = asked?.split(/[\s,]+/).find((word) => word !== "") ?? DEFAULT_VARIANT;
  await ensureBuilt();
  const engine = await startEngine(variant);
  await makeBaseImages(engine);
  shareEngine(engine);
}
