/** `--cache-from`, `--cache-to`, `--attest`, `--sbom`, `--provenance`, `--call`. Pure. */
import {
  isFalse,
  isTrue,
  malformed,
  readPairs,
  readRecord,
  readTyped,
  writeRecord,
  type TypedValue,
} from "./flag-values.ts";
import type { TypedAttributes } from "../session/control/messages.ts";
import type { BuildRequest } from "./options.ts";

/** Places of a cache: `REF[,REF]` for a registry, or `type=…,…`. @throws {@link UsageError} USAGE */
export function readCaches(
  texts: readonly string[] | undefined,
  flag: string,
): readonly TypedValue[] {
  return (texts ?? [])
    .filter((text) => text !== "")
    .flatMap((text) => (text.includes("=") ? [readTyped(text, flag)] : registries(text, flag)));
}

function registries(text: string, flag: string): TypedValue[] {
  return readRecord(text, flag).map((ref) => ({ type: "registry", attributes: { ref } }));
}

/** Caches as BuildKit takes them. */
export interface Caches {
  readonly imports: readonly TypedAttributes[];
  readonly exports: readonly TypedAttributes[];
}

/**
 * The caches of a build, with what docker takes from the environment for them: GitHub's address and
 * token, which only its runner knows. Outside of the runner, GitHub's cache is left out, as docker
 * does.
 *
 * @throws {@link UsageError} USAGE
 */
export function cachesOf(request: BuildRequest): Caches {
  const complete = (texts: readonly string[] | undefined, flag: string): TypedAttributes[] =>
    readCaches(texts, flag)
      .map((one) => withEnvironment(one, request.env))
      .filter(isActive);
  return {
    imports: complete(request.cacheFrom, "--cache-from"),
    exports: complete(request.cacheTo, "--cache-to"),
  };
}

type Env = BuildRequest["env"];

function withEnvironment({ type, attributes }: TypedValue, env: Env): TypedAttributes {
  if (type === "gha") return { type, attributes: { ...githubOf(attributes, env), ...attributes } };
  return { type, attributes };
}

/** Names of the variables: actions/toolkit, packages/cache/src/internal/config.ts. */
function githubOf({ version }: TypedValue["attributes"], env: Env): Record<string, string> {
  const isSecond =
    version === "2" || (version === undefined && isTrue(env["ACTIONS_CACHE_SERVICE_V2"]));
  return given({
    token: env["ACTIONS_RUNTIME_TOKEN"],
    url: env["ACTIONS_CACHE_URL"] ?? env["ACTIONS_RESULTS_URL"],
    url_v2: isSecond ? env["ACTIONS_RESULTS_URL"] : undefined,
  });
}

function given(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const pairs = Object.entries(values).filter((pair): pair is [string, string] => !!pair[1]);
  return Object.fromEntries(pairs);
}

function isActive({ type, attributes }: TypedAttributes): boolean {
  const { token = "", url = "", url_v2: second = "" } = attributes;
  return type !== "gha" || (token !== "" && url + second !== "");
}

/** One attestation. */
export interface Attestation {
  /** The flag that asked for it. */
  readonly flag: string;
  readonly type: string;
  /** As the front end reads it; null when it is switched off. */
  readonly value: string | null;
}

/**
 * The attestations, one of each type: the last flag wins.
 *
 * @throws {@link UsageError} USAGE
 */
export function attestationsOf(request: BuildRequest): readonly Attestation[] {
  const found = new Map<string, Attestation>();
  const add = (text: string, flag: string): void => {
    const one = attestation(text, flag);
    found.set(one.type, one);
  };
  for (const text of request.attests ?? []) add(text, "--attest");
  for (const type of ["provenance", "sbom"] as const) {
    const text = request[type] ?? "";
    if (text !== "") add(longForm(type, text), `--${type}`);
  }
  return [...found.values()];
}

/** `true`, `1`, `false` …, or attributes. */
function longForm(type: string, text: string): string {
  if (isTrue(text)) return `type=${type}`;
  if (isFalse(text)) return `type=${type},disabled=true`;
  return `type=${type},${text}`;
}

function attestation(text: string, flag: string): Attestation {
  const { type, disabled, ...rest } = Object.fromEntries(readPairs(text, flag));
  if (type === undefined) throw malformed(flag);
  if (isTrue(disabled)) return { flag, type, value: null };
  const pairs = Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { flag, type, value: writeRecord([["type", type], ...pairs]) };
}

/** What to ask about a Dockerfile instead of building it. */
export interface Call {
  /** BuildKit's name: `lint` for `check`. */
  readonly name: string;
  /** True: the answer as JSON, not as text. */
  readonly json: boolean;
}

/** Reads `--call`; null for a build. @throws {@link UsageError} USAGE */
export function readCall(text = ""): Call | null {
  const [name = "", ...options] = readRecord(text, "--call");
  if (name === "build" || name === "") return null;
  const isKnown = options.every((option) =>
    /^(?:format=(?:text|json)|ignorestatus=.*)$/.test(option),
  );
  if (!isKnown || name.includes("=")) throw malformed("--call");
  return { name: name === "check" ? "lint" : name, json: options.includes("format=json") };
}
