/** Finds the secret mounts of a Dockerfile, and in which stage each of them stands. Pure. */
import { readFlags, splitDockerfile, type Instruction } from "./instructions.ts";

/** One `RUN --mount=type=secret`. */
export interface SecretMount {
  /** Null when it contains a variable: only the build itself knows it then. */
  readonly id: string | null;
  readonly required: boolean;
  /** Path in the step; null for the default `/run/secrets/<id>`. */
  readonly target: string | null;
  /** `env=`: name of the variable that gets the value, from Engine 27.3. */
  readonly env: string | null;
  /** Line of the mount itself, from 1. */
  readonly line: number;
  /** Index of the stage, from 0. */
  readonly stage: number;
  /** In an ONBUILD: asked for by builds on top of this image, not by this one. */
  readonly onbuild: boolean;
}

/** One `FROM`. */
export interface Stage {
  /** `AS name`, lower case. */
  readonly name: string | null;
  readonly line: number;
  /** What it builds on or copies from, as written; may be a stage's name or index, or an image. */
  readonly uses: readonly string[];
}

/** What the build needs to know before it starts. */
export interface DockerfileFacts {
  /** `# syntax=`, when there is one. */
  readonly syntax: string | null;
  readonly stages: readonly Stage[];
  readonly mounts: readonly SecretMount[];
}

/** Reads a Dockerfile. Never throws: faults are BuildKit's to report. */
export function readDockerfile(text: string): DockerfileFacts {
  const { directives, instructions } = splitDockerfile(text);
  const stages: { name: string | null; line: number; uses: string[] }[] = [];
  const mounts: SecretMount[] = [];
  for (const instruction of instructions) {
    if (instruction.name === "FROM") stages.push(stageOf(instruction));
    stages.at(-1)?.uses.push(...sourcesOf(instruction));
    mounts.push(...mountsOf(instruction, Math.max(0, stages.length - 1)));
  }
  return { syntax: directives.syntax ?? null, stages, mounts };
}

/**
 * Indices of the stages that a build of `target` needs (the last stage without one). BuildKit skips
 * all others, so a secret that only they ask for is not needed. Where a name contains a variable,
 * every stage counts: better to ask for one secret too many than to fail in mid-build.
 */
export function neededStages(facts: DockerfileFacts, target?: string): ReadonlySet<number> {
  const { stages } = facts;
  const all = new Set(stages.keys());
  const last = target === undefined ? stages.length - 1 : findStage(stages, target, stages.length);
  if (last < 0 || stages.some((stage) => stage.uses.some((use) => use.includes("$")))) return all;
  const needed = new Set<number>();
  const open = [last];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (needed.has(index)) continue;
    needed.add(index);
    for (const use of stages[index]?.uses ?? []) {
      const found = findStage(stages, use, index);
      if (found >= 0) open.push(found);
    }
  }
  return needed;
}

/** A stage by name (the last of that name before `limit`) or by index; -1 for an image. */
function findStage(stages: readonly Stage[], use: string, limit: number): number {
  const before = stages.slice(0, limit);
  const named = before.findLastIndex((stage) => stage.name === use.toLowerCase());
  if (named >= 0) return named;
  return /^\d+$/.test(use) && Number(use) < limit ? Number(use) : -1;
}

function stageOf(instruction: Instruction): { name: string | null; line: number; uses: string[] } {
  const [base, as, name] = instruction.rest.split(/\s+/);
  const named = as?.toUpperCase() === "AS" && name !== undefined;
  const { line } = instruction;
  return { name: named ? name.toLowerCase() : null, line, uses: base === undefined ? [] : [base] };
}

/** `COPY --from=` and `RUN --mount=…,from=`. */
function sourcesOf(instruction: Instruction): string[] {
  const { flags } = unwrapped(instruction);
  return flags.flatMap((flag) => {
    if (flag.startsWith("--from=")) return [flag.slice("--from=".length)];
    const from = mountFields(flag).get("from");
    return from === undefined ? [] : [from];
  });
}

/** The secret mounts of one instruction. */
export function mountsOf(instruction: Instruction, stage: number): SecretMount[] {
  const { name, flags, flagLines, onbuild } = unwrapped(instruction);
  if (name !== "RUN") return [];
  return flags.flatMap((flag, index) => {
    const fields = mountFields(flag);
    if (fields.get("type")?.toLowerCase() !== "secret") return [];
    const line = flagLines[index] ?? instruction.line;
    return [{ ...secretOf(fields), line, stage, onbuild }];
  });
}

/** The instruction inside of an ONBUILD; any other as it is. */
function unwrapped(
  instruction: Instruction,
): Pick<Instruction, "name" | "flags" | "flagLines"> & { readonly onbuild: boolean } {
  if (instruction.name !== "ONBUILD") return { ...instruction, onbuild: false };
  const word = /^\S*/.exec(instruction.rest)?.[0] ?? "";
  const { flags } = readFlags(instruction.rest, word.length);
  const flagLines = flags.map(() => instruction.line);
  return { name: word.toUpperCase(), flags, flagLines, onbuild: true };
}

function secretOf(
  fields: ReadonlyMap<string, string>,
): Pick<SecretMount, "id" | "required" | "target" | "env"> {
  const first = (...keys: readonly string[]): string | undefined =>
    keys.map((key) => fields.get(key)).find((value) => value !== undefined);
  const target = first("target", "dst", "destination");
  const id = first("id", "source", "src") ?? baseName(target ?? "");
  // a bare `required` means true; a value is one of Go's words for true
  const required = /^(|1|t|true)$/i.test(fields.get("required") ?? "false");
  const known = id !== "" && !hasVariable(id);
  return { id: known ? id : null, required, target: target ?? null, env: first("env") ?? null };
}

/** The comma-separated `key=value` fields of a `--mount=` flag, keys in lower case. */
function mountFields(flag: string): ReadonlyMap<string, string> {
  if (!flag.startsWith("--mount=")) return new Map();
  const fields = csvFields(flag.slice("--mount=".length));
  return new Map(
    fields.map((field) => {
      const at = field.indexOf("=");
      return at < 0
        ? [field.toLowerCase(), ""]
        : [field.slice(0, at).toLowerCase(), field.slice(at + 1)];
    }),
  );
}

/** One CSV record: a field in double quotes may hold commas, two double quotes mean one. */
function csvFields(text: string): string[] {
  const fields = text.match(/(?:^|,)(?:"(?:[^"]|"")*"|[^,]*)/g) ?? [];
  return fields.map((field, index) => {
    const body = index === 0 ? field : field.slice(1);
    return body.startsWith('"') ? body.slice(1, -1).replaceAll('""', '"') : body;
  });
}

function hasVariable(text: string): boolean {
  return /(^|[^\\])\$/.test(text);
}

function baseName(path: string): string {
  return path.replace(/\/+$/, "").split("/").at(-1) ?? "";
}
