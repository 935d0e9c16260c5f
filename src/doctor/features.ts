/** What an engine can do, from its versions: pure. */
import { NOSWAP_KERNEL } from "../docker/delivery-choice.ts";
import type { EngineVersion } from "../docker/types.ts";
import { compareApi } from "../docker/version.ts";
import { okLine, warnLine } from "./model.ts";
import type { DoctorLine } from "./model.ts";

/** BuildKit inside an engine, newest first; from the `vendor.mod` of those engines. */
const BUILDKITS: readonly (readonly [engine: string, buildkit: string])[] = [
  ["28.5", "0.25"],
  ["27.5", "0.18"],
  ["26.0", "0.13"],
  ["25.0", "0.12"],
  ["24.0", "0.11"],
  ["23.0", "0.10"],
  ["20.10", "0.8"],
];

/** Something that needs an engine of some age, and what to do on older ones. */
interface Feature {
  readonly name: string;
  readonly needs: (version: EngineVersion) => boolean;
  readonly since: string;
  readonly otherwise: string;
}

const FEATURES: readonly Feature[] = [
  {
    name: "secret mounts in builds (RUN --mount=type=secret)",
    needs: ({ builder }) => builder !== "1",
    since: "BuildKit",
    otherwise: 'switch BuildKit on: "features": {"buildkit": true} in the engine\'s daemon.json',
  },
  {
    name: "secrets as variables in builds (env=)",
    needs: ({ engine }) => compareApi(engine, "27.3") >= 0,
    since: "engine 27.3 (BuildKit 0.16)",
    otherwise: "start the Dockerfile with # syntax=docker/dockerfile:1.10, or mount files",
  },
  {
    name: "here-documents in Dockerfiles",
    needs: ({ engine }) => compareApi(engine, "23.0") >= 0,
    since: "engine 23.0 (Dockerfile 1.4)",
    otherwise: "start the Dockerfile with # syntax=docker/dockerfile:1.4",
  },
  {
    name: "single files from a tmpfs volume, at any path",
    needs: ({ api }) => compareApi(api, "1.45") >= 0,
    since: "API 1.45 (engine 26.0)",
    otherwise:
      "with --delivery volume give file secrets a folder of their own, such as /run/secrets",
  },
  {
    name: "secret files that never swap (tmpfs with noswap)",
    needs: ({ kernel }) => compareApi(kernel, NOSWAP_KERNEL) >= 0,
    since: `Linux ${NOSWAP_KERNEL}`,
    otherwise: "nothing to do: volumes are made of ramfs instead, which never swaps",
  },
];

/** The BuildKit version inside an engine, or null for one that is older than all known. */
export function buildkitOf(engine: string): string | null {
  return BUILDKITS.find(([since]) => compareApi(engine, since) >= 0)?.[1] ?? null;
}

/** One line for each feature. */
export function featureLines(version: EngineVersion): DoctorLine[] {
  return FEATURES.map(({ name, needs, since, otherwise }) =>
    needs(version)
      ? okLine("feature", `${name}: since ${since}`)
      : warnLine("feature", `${name}: needs ${since}`, otherwise),
  );
}
