import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import {
  archiveFile,
  archiveStream,
  containerSource,
  type Engine,
  engineImage,
  type ImageSource,
  layoutFolder,
  parsePlatform,
  type Platform,
  type Project,
  readSourceName,
  registryImage,
  type RouteName,
  slotsThenDocker,
  type SourceName,
  UsageError,
} from "../../index.ts";
import type { Context } from "../spec.ts";
import { connect } from "./engine.ts";
import type { KeySearch } from "./keyring.ts";
import { loginPlaces } from "./logins.ts";

/** Where logins for registries come from. */
export interface SourcePlaces {
  readonly project: Project;
  readonly keyring: KeySearch;
}

/** What was typed, read before anything is opened. */
export interface NamedSource {
  /** Connects to the engine, if that is where it is. */
  source(places: SourcePlaces): Promise<ImageSource>;
}

/**
 * What to search: the operand, or `--container`.
 *
 * @throws UsageError USAGE, USAGE_CONFLICT
 */
export function namedSource(context: Context): NamedSource {
  const { values, operands } = context;
  const [image] = operands;
  const container = values.get("container");
  if ((image === undefined) === (container === undefined)) {
    throw new UsageError("USAGE", "give either IMAGE or --container NAME", {
      hint: "to search a container and its image, add --with-image",
    });
  }
  if (container !== undefined) {
    refuseUseless(context, values.flag("with-image") ? "container and image" : "container");
    return { source: async () => ofContainer(context, container) };
  }
  const text = image ?? "";
  const name = readSourceName(text);
  refuseUseless(context, name.kind);
  const platform = platformOf(context);
  return { source: async (places) => opened(context, { name, platform, text, places }) };
}

type Kind = SourceName["kind"] | "container" | "container and image";

/** For what each option does something, and what to say of the rest. */
const OPTIONS: readonly (readonly [option: string, kinds: readonly Kind[], hint: string])[] = [
  ["with-image", ["container and image"], "it is for --container: an image is searched anyway"],
  [
    "platform",
    ["engine", "archive", "layout", "path", "registry", "stdin"],
    "leave it out: a container is of one platform",
  ],
  ["plain-http", ["registry"], "it is for docker:// alone"],
  ["route", ["engine", "container and image"], "it is for an image of the engine"],
  ["build-history", ["engine", "container and image"], "it is for an image of the engine"],
];

function refuseUseless({ values }: Context, kind: Kind): void {
  for (const [option, kinds, hint] of OPTIONS) {
    if (!values.typed(option) || kinds.includes(kind)) continue;
    throw new UsageError("USAGE_CONFLICT", `--${option} does nothing here`, { hint });
  }
}

/** An image of an engine, by the way and with the records that were asked for. */
function ofEngine(
  { values }: Context,
  engine: Engine,
  o: { readonly image: string; readonly platform?: Platform | undefined },
): ImageSource {
  return engineImage(engine, o.image, {
    platform: o.platform,
    route: values.get("route") as RouteName | "auto" | undefined,
    history: values.flag("build-history"),
  });
}

async function ofContainer(context: Context, container: string): Promise<ImageSource> {
  const engine = await connect(context);
  const image = context.values.flag("with-image")
    ? (id: string): ImageSource => ofEngine(context, engine, { image: id })
    : undefined;
  return containerSource(engine, container, { image });
}

interface Named {
  readonly name: SourceName;
  readonly platform: Platform | undefined;
  /** As typed: what the report calls it. */
  readonly text: string;
  readonly places: SourcePlaces;
}

async function opened(context: Context, o: Named): Promise<ImageSource> {
  const { name, platform, text } = o;
  switch (name.kind) {
    case "engine":
      return ofEngine(context, await connect(context), { image: name.image, platform });
    case "registry":
      return ofRegistry(context, o, name);
    case "stdin":
      return ofStdin(context, platform);
    case "archive":
      return archiveFile(resolve(context.cwd, name.path), text, { platform });
    case "layout":
      return layoutFolder(resolve(context.cwd, name.path), text, { platform });
    case "path":
      return ofPath(resolve(context.cwd, name.path), text, platform);
  }
}

function ofRegistry(
  context: Context,
  { platform, text, places: { project, keyring } }: Named,
  { reference }: SourceName & { kind: "registry" },
): ImageSource {
  const places = loginPlaces(context);
  return registryImage(reference, text, {
    auth: slotsThenDocker(project, keyring.find, places),
    env: places.env,
    platform,
    plainHttp: context.values.flag("plain-http"),
  });
}

function ofStdin({ host }: Context, platform: Platform | undefined): ImageSource {
  if (host.stdin.isTTY === true) {
    throw new UsageError("USAGE", "- reads an archive from standard input, which is a terminal", {
      hint: "docker save IMAGE | sealmount verify -",
    });
  }
  return archiveStream(host.stdin, "standard input", { platform });
}

async function ofPath(
  path: string,
  text: string,
  platform: Platform | undefined,
): Promise<ImageSource> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return (isFolder ? layoutFolder : archiveFile)(path, text, { platform });
}

function platformOf({ values }: Context): Platform | undefined {
  const text = values.get("platform");
  if (text === undefined) return undefined;
  const platform = parsePlatform(text, { os: "linux", arch: ARCHITECTURES[process.arch] ?? "" });
  if (platform !== null) return platform;
  throw new UsageError("USAGE", "--platform is no platform", {
    hint: "write linux/amd64, linux/arm64 or linux/arm/v7",
  });
}

/** Node's names of architectures in Go's words, where they differ or not. */
const ARCHITECTURES: Readonly<Partial<Record<string, string>>> = {
  x64: "amd64",
  ia32: "386",
  arm: "arm",
  arm64: "arm64",
  ppc64: "ppc64le",
  riscv64: "riscv64",
  s390x: "s390x",
};
