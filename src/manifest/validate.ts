import { Fields } from "./fields.ts";
import { fileClashes } from "./file-clashes.ts";
import { BUILD, COMMON } from "./model.ts";
import type { Manifest, Seal } from "./model.ts";
import { isEnvironmentName } from "./names.ts";
import { nearMiss } from "./near-miss.ts";
import { Problems } from "./problems.ts";
import { readRun } from "./run-section.ts";
import { readSeal } from "./seal-section.ts";
import { listedFiles } from "./secret-files.ts";
import { readSecretFiles } from "./secret-files-section.ts";
import { readBuildSecrets, readEnvironments } from "./sections.ts";
import { readSlots } from "./slots.ts";
import type { TomlNode, TomlTable } from "./tree-model.ts";

/** Where a manifest comes from. */
export interface ManifestContext {
  /** Name of the file as errors show it. */
  readonly file: string;
  /** Names the app when nothing else does. */
  readonly folderName: string;
  /** `[seal]` of the parent, for an appling. */
  readonly inherited?: Seal | undefined;
}

/**
 * Validates what was read. Top-level keys that are not ours belong to the platform and are read
 * past.
 *
 * @throws {@link ManifestError} with every problem in file order
 */
export function validateManifest(
  table: TomlTable,
  context: ManifestContext,
  problems = new Problems(context.file),
): Manifest {
  const root = new Fields(problems, [], { at: { line: 1, column: 1 }, node: table });
  const manifest = readManifest(root, context);
  problems.throwIfAny();
  return manifest;
}

function readManifest(root: Fields, context: ManifestContext): Manifest {
  const { problems } = root;
  const seal = readSeal(root, context);
  const secretFiles = readSecretFiles(root);
  const environments = readEnvironments(root, listedFiles(secretFiles));
  fileClashes({ environments, secretFiles }, problems);
  const defaultEnvironment = readDefaultEnvironment(root);
  const run = readRun(root);
  warnNearMisses(root);
  return {
    file: context.file,
    seal,
    environments,
    buildSecrets: readBuildSecrets(root),
    secretFiles,
    registries: readSlots(root, "registries"),
    git: readSlots(root, "git"),
    applings: readApplings(root),
    ...(defaultEnvironment === undefined ? {} : { defaultEnvironment }),
    ...(run === undefined ? {} : { run }),
    warnings: problems.warnings,
  };
}

function readDefaultEnvironment(root: Fields): string | undefined {
  const name = root.text("default_environment");
  if (name === undefined || isEnvironmentName(name)) return name;
  return root.complain("default_environment", "this can't name an environment to choose", {
    hint: `name one such as "test"; ${COMMON} and ${BUILD} are part of every one or of none`,
  });
}

function readApplings(root: Fields): string[] {
  const folders: string[] = [];
  for (const node of root.array("applings")?.items ?? []) {
    if (node.kind === "string" && isFolder(node.text)) folders.push(node.text.replace(/\/+$/, ""));
    else {
      root.complain("applings", "each appling has to be a folder below this one", {
        hint: 'write applings = ["api", "worker"]',
      });
    }
  }
  return folders;
}

function isFolder(text: string): boolean {
  const parts = text.replace(/\/+$/, "").split("/");
  return !/[\p{Cc}\\]/u.test(text) && !parts.some((part) => ["", ".", ".."].includes(part));
}

/** Our top-level keys, with the kinds of value that they take. */
const OUR_KEYS: ReadonlyMap<string, readonly TomlNode["kind"][]> = new Map([
  ["seal", ["table"]],
  ["env", ["table"]],
  ["build_secrets", ["table"]],
  ["secret_files", ["array", "table"]],
  ["registries", ["table"]],
  ["git", ["table"]],
  ["applings", ["array"]],
  ["default_environment", ["string"]],
  ["run", ["table"]],
]);

/** An unknown key may be the platform's, so a near miss of ours is only a warning. */
function warnNearMisses(root: Fields): void {
  for (const [name, { at, node }] of root.members()) {
    if (OUR_KEYS.has(name)) continue;
    const candidates = [...OUR_KEYS].filter(([, kinds]) => kinds.includes(node.kind));
    const meant = nearMiss(name, new Map(candidates).keys());
    if (meant === undefined) continue;
    root.problems.warn({
      at,
      path: [name],
      message: `this is read past, as a key of the platform; it is nearly ${meant}`,
      hint: `write ${meant} if that was meant`,
    });
  }
}
