/** What a build makes: `--output`, `--push`, `--load`, `--annotation`, as BuildKit's exporters. Pure. */
import { UsageError } from "../errors.ts";
import {
  isFalse,
  isTrue,
  malformed,
  readTyped,
  splitPair,
  type TypedValue,
} from "./flag-values.ts";
import type { BuildRequest } from "./options.ts";

/** One output. */
export interface Output {
  /** The engine's exporter: `moby` is its own image store. */
  readonly exporter: "moby" | "local" | "tar" | "oci" | "docker";
  readonly attributes: Readonly<Record<string, string>>;
  /** True for `tar=false`: an OCI layout in a folder. */
  readonly isLayout?: boolean;
  /** Where the session writes it on this machine; `-` is stdout. Null for an image. */
  readonly destination: string | null;
  /** True for an image that goes to a registry too. */
  readonly push: boolean;
}

/**
 * The outputs, in the order of their flags; one image where none is asked for. An empty list means
 * that the build is run for its cache alone.
 *
 * @throws {@link UsageError} USAGE, USAGE_CONFLICT
 */
export function outputsOf(request: BuildRequest): readonly Output[] {
  const typed = (request.outputs ?? []).filter((text) => text !== "").map(readOutput);
  const outputs = typed.flatMap((value) => outputOf(value, request));
  const image = (push: boolean): Output => newImage({}, push, request);
  if (request.push === true) {
    if (outputs.some(isImage)) return outputs.map((one) => (isImage(one) ? pushed(one) : one));
    outputs.push(image(true));
  }
  if (request.load === true && !outputs.some(isImage)) outputs.push(image(false));
  const isQuiet = isTrue(request.env["BUILDX_NO_DEFAULT_LOAD"]);
  if (typed.length === 0 && outputs.length === 0 && !isQuiet) outputs.push(image(false));
  refuseUnnamed(outputs, request);
  return outputs;
}

/** True for an output that is kept in the engine's image store. */
export function isImage(output: Output): boolean {
  return output.exporter === "moby";
}

/** `--annotation` as attributes of an image: `[TYPE[PLATFORM][,TYPE…]:]KEY=VALUE`. */
function annotationsOf(request: BuildRequest): Readonly<Record<string, string>> {
  return Object.fromEntries((request.annotations ?? []).flatMap(annotationOf));
}

function readOutput(text: string): TypedValue {
  if (text === "-") return { type: "tar", attributes: { dest: "-" } };
  if (!/[",]/.test(text) && !text.startsWith("type="))
    return { type: "local", attributes: { dest: text } };
  return readTyped(text, "--output");
}

function outputOf({ type, attributes }: TypedValue, request: BuildRequest): Output[] {
  const { dest, ...rest } = attributes;
  switch (type) {
    case "image":
      return [newImage(rest, rest["push"] === "true", request)];
    case "registry":
      return [newImage(rest, true, request)];
    case "local":
    case "tar":
      refuseDelete(attributes);
      return [{ exporter: type, attributes: rest, destination: wanted(dest, type), push: false }];
    case "docker":
      if (dest === undefined) return [newImage(rest, false, request)];
      return [toFile("docker", rest, dest, request)];
    case "oci":
      return [toFile("oci", rest, wanted(dest, type), request)];
    case "cacheonly":
    case "none":
      return [];
    default:
      throw malformed("--output");
  }
}

function wanted(dest: string | undefined, type: string): string {
  if (dest !== undefined && dest !== "") return dest;
  throw new UsageError("USAGE", `--output type=${type} has no dest`, {
    hint: `write --output type=${type},dest=PATH`,
  });
}

function newImage(
  { push: _push, ...rest }: Readonly<Record<string, string>>,
  push: boolean,
  request: BuildRequest,
): Output {
  const attributes = { ...named(rest, request), ...annotationsOf(request) };
  return { exporter: "moby", attributes, destination: null, push };
}

function toFile(
  exporter: "oci" | "docker",
  rest: Readonly<Record<string, string>>,
  destination: string,
  request: BuildRequest,
): Output {
  const attributes = { ...named(rest, request), ...annotationsOf(request) };
  const isLayout = isFalse(rest["tar"]);
  return { exporter, attributes, destination, push: false, ...(isLayout && { isLayout }) };
}

/** Newer buildx than Debian's has it; an engine would just not delete. */
function refuseDelete({ mode }: Readonly<Record<string, string>>): void {
  if (mode !== "delete") return;
  throw new UsageError("USAGE", "--output type=local has no mode=delete here", {
    hint: "empty the folder first, or write to a new one",
  });
}

function named(
  attributes: Readonly<Record<string, string>>,
  { tags = [] }: BuildRequest,
): Readonly<Record<string, string>> {
  return tags.length === 0 ? attributes : { ...attributes, name: tags.join(",") };
}

function pushed(output: Output): Output {
  return { ...output, push: true };
}

function refuseUnnamed(outputs: readonly Output[], { iidFile }: BuildRequest): void {
  if (outputs.some((one) => one.push && one.attributes["name"] === undefined)) {
    throw new UsageError("USAGE", "an image without a name can't be pushed", {
      hint: "add -t REGISTRY/NAME",
    });
  }
  if (iidFile !== undefined && outputs.some(({ exporter }) => /^(local|tar)$/.test(exporter)))
    throw new UsageError("USAGE_CONFLICT", "a folder or tar has no image id for --iidfile");
}

const ANNOTATION_TYPE = /^(index|index-descriptor|manifest|manifest-descriptor)(\[[\w/-]+\])?$/;

function annotationOf(text: string): [string, string][] {
  const [key, value] = splitPair(text);
  if (value === undefined) throw malformed("--annotation");
  const at = key.indexOf(":");
  if (at < 0) return [[`annotation.${key}`, value]];
  return key
    .slice(0, at)
    .split(",")
    .map((type) => {
      const [, name, platform = ""] = ANNOTATION_TYPE.exec(type) ?? [];
      if (name === undefined) throw malformed("--annotation");
      const where = name.startsWith("index") ? "" : platform;
      return [`annotation-${name}${where}.${key.slice(at + 1)}`, value];
    });
}
