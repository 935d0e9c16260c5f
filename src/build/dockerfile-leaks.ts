/**
 * Steps of a Dockerfile that put a secret into the image, by its text alone: before there is an image,
 * and without any value. What a step does inside of a program or a here-document is for `verify` to
 * find. Pure.
 */
import { mountsOf } from "./dockerfile.ts";
import type { SecretMount } from "./dockerfile.ts";
import { splitDockerfile } from "./instructions.ts";
import type { Instruction } from "./instructions.ts";

/** One such step or instruction. */
export interface DockerfileLeak {
  /** From 1. */
  readonly line: number;
  readonly message: string;
  readonly hint: string;
}

/** Programs that give on what they read, as it is or in another form. */
const PASSES_ON = new Set(
  "cat echo printf head tail tee tr cut sed awk grep jq base32 base64 xxd od hexdump envsubst gzip bzip2 xz zstd".split(
    " ",
  ),
);

const COPIES = new Set(["cp", "mv", "install", "rsync", "dd"]);

/**
 * Finds steps that copy a mounted secret into a file of the image (`cp`, `mv`, `tee`, `>` and the
 * like), unless the same step deletes that file, and `ARG` and `ENV` with the name of a secret.
 *
 * @param names - of secrets, as the manifest has them: `npm-token` is found as `ARG NPM_TOKEN` too
 */
export function findDockerfileLeaks(text: string, names: Iterable<string>): DockerfileLeak[] {
  const secrets = new Map(Array.from(names, (name) => [variableOf(name), name]));
  return splitDockerfile(text).instructions.flatMap((instruction) => {
    if (instruction.name === "RUN") return movesOf(instruction);
    if (instruction.name === "ARG" || instruction.name === "ENV") {
      return namedIn(instruction, secrets);
    }
    return [];
  });
}

/** `NPM_TOKEN` of `npm-token`. */
function variableOf(name: string): string {
  return name.replaceAll(/\W/gu, "_").toUpperCase();
}

function namedIn(
  { name: word, rest, line }: Instruction,
  secrets: ReadonlyMap<string, string>,
): DockerfileLeak[] {
  return assignments(word, rest).flatMap(({ name, value }) => {
    const secret = secrets.get(variableOf(name));
    // an empty one is a place for what the container gets
    if (secret === undefined || value === "") return [];
    return [
      {
        line,
        message: `${word} ${name} is named as the secret ${secret}: its value would be in the image`,
        hint:
          word === "ARG"
            ? `RUN --mount=type=secret,id=${secret}, in the step that needs it`
            : "leave it out, and give it when the container starts: sealmount run",
      },
    ];
  });
}

interface Assignment {
  readonly name: string;
  /** Undefined: `ARG NAME`, whose value comes with the build. */
  readonly value: string | undefined;
}

/** `NAME`, `NAME=value …`, and `NAME value` of ENV. */
function assignments(word: string, rest: string): Assignment[] {
  const words = rest.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/gu) ?? [];
  const [first = "", ...others] = words;
  if (word === "ENV" && !first.includes("=")) return [{ name: first, value: others.join(" ") }];
  return words.map((one) => {
    const [name = "", ...value] = one.split("=");
    return { name, value: one.includes("=") ? bare(value.join("=")) : undefined };
  });
}

function movesOf(instruction: Instruction): DockerfileLeak[] {
  const mounts = mountsOf(instruction, 0);
  const pipelines = instruction.rest.split(/&&|\|\||;|(?<![<>&])&(?!>)/u);
  return mounts.flatMap((mount) => {
    const target = pipelines
      .filter((pipeline) => mentions(pipeline, mount))
      .map(targetOf)
      .find((path) => path !== undefined && !isGone(path, pipelines));
    if (target === undefined) return [];
    const what = mount.id === null ? "a secret" : `the secret ${mount.id}`;
    return [
      {
        line: instruction.line,
        message: `this step writes ${what} to ${target}: it stays in the image, also when a later step deletes it`,
        hint: "use the mounted file where it is, or delete the copy in the same RUN",
      },
    ];
  });
}

/** By its path or its variable. */
function mentions(pipeline: string, { id, target, env }: SecretMount): boolean {
  const path = target ?? (id === null ? undefined : `/run/secrets/${id}`);
  const isRead = path !== undefined && pipeline.split(/[\s"'<>()`|=]+/u).includes(path);
  return isRead || (env !== null && variableIn(env).test(pipeline));
}

function variableIn(name: string): RegExp {
  return new RegExp(`\\$(?:${name}(?!\\w)|\\{${name}\\b)`, "u");
}

/** The file that a pipeline writes what it reads to; undefined for none. */
function targetOf(pipeline: string): string | undefined {
  const stages = pipeline.split("|").map((stage) => stage.trim().split(/\s+/u).map(bare));
  const programs = stages.map(([program = ""]) => program.split("/").at(-1) ?? "");
  const [first = []] = stages;
  if (COPIES.has(programs[0] ?? "")) return fileOf(first.at(-1)?.replace(/^of=/u, ""));
  if (!programs.every((program) => PASSES_ON.has(program))) return undefined;
  const tee = stages[programs.indexOf("tee")]?.slice(1).find((word) => !word.startsWith("-"));
  const written = /(?<!\d)>{1,2}\|?\s*(?<path>"[^"]+"|'[^']+'|[^\s&>]+)/u.exec(pipeline);
  return fileOf(tee) ?? fileOf(written?.groups?.["path"]);
}

/** Devices keep nothing; the secret's own folder is in memory. */
function fileOf(word: string | undefined): string | undefined {
  const path = bare(word ?? "");
  return path === "" || /^\/(?:dev|proc|run\/secrets)\//u.test(path) ? undefined : path;
}

function isGone(path: string, pipelines: readonly string[]): boolean {
  return pipelines.some((pipeline) => {
    const [program, ...words] = pipeline.trim().split(/\s+/u).map(bare);
    return (program === "rm" || program === "shred") && words.includes(path);
  });
}

/** Without its quotes. */
function bare(word: string): string {
  return word.replaceAll(/^["']|["']$/gu, "");
}
