import { basename, join } from "node:path";
import { ManifestError, PolicyError, UsageError } from "../errors.ts";
import { isAppName, publicKeyShape } from "../manifest/names.ts";
import { parseManifestLazily } from "../manifest/parse-lazily.ts";
import { tomlString } from "../manifest/toml-text.ts";
import { replaceFile } from "./atomic-file.ts";
import { completeIgnoreFile } from "./ignore-file.ts";
import { findProject, MANIFEST_NAMES } from "./project.ts";
import type { Project } from "./project.ts";
import { fileError, readManifestFile, systemCode } from "./read-file.ts";
import { readTemplate } from "./templates.ts";
import { writeManifest } from "./write.ts";

/** What to start with. */
export interface InitOptions {
  /** Absolute; must exist. */
  readonly folder: string;
  /** Name of the app; else the manifest's own, else the folder's name. */
  readonly app?: string | undefined;
  /** To seal for, as `smp1_…`. */
  readonly publicKey: string;
  /** Folder with other templates; else the package's own. */
  readonly templates?: string | undefined;
}

/** What was done; plain data. */
export interface InitResult {
  /** Absolute path of the manifest. */
  readonly path: string;
  readonly app: string;
  readonly created: boolean;
  /** Keys of `[seal]` that were added to a manifest that existed. */
  readonly completed: readonly string[];
  readonly gitignore: readonly string[];
  readonly dockerignore: readonly string[];
}

/**
 * Makes a folder ready: creates its manifest or completes `[seal]` in the one it has, and adds
 * lines to `.gitignore` and `.dockerignore`. Doing it again changes nothing, and no other byte of
 * an existing file changes.
 *
 * @throws UsageError USAGE for an app's name or public key that can't be one; PolicyError
 *   SECRET_EXISTS when the manifest names another app or key; ManifestError as findProject
 */
export async function initProject(o: InitOptions): Promise<InitResult> {
  checkOptions(o);
  const existing = await openExisting(o.folder);
  const manifest = existing ? await complete(existing, o) : await create(o);
  const [gitignore, dockerignore] = [await ignore(o, "gitignore"), await ignore(o, "dockerignore")];
  return { ...manifest, created: existing === null, gitignore, dockerignore };
}

type Made = Pick<InitResult, "path" | "app" | "completed">;

function checkOptions({ app, publicKey }: InitOptions): void {
  if (app !== undefined && !isAppName(app)) {
    throw new UsageError("USAGE", "this can't name an app: it becomes a file name", {
      hint: "use letters, digits, - and _; no slash and no space",
    });
  }
  if (publicKeyShape(publicKey) === "public") return;
  throw new UsageError("USAGE", "this is no public key", {
    hint: "give smp1_ and 43 characters, as sealmount key ls shows it",
  });
}

async function openExisting(folder: string): Promise<Project | null> {
  for (const name of MANIFEST_NAMES) {
    const path = join(folder, name);
    if (readManifestFile({ path, shown: name }) !== null) {
      return findProject({ cwd: folder, file: path });
    }
  }
  return null;
}

async function complete(project: Project, o: InitOptions): Promise<Made> {
  const missing = [...(await missingApp(project, o)), ...missingKey(project, o)];
  let { text } = project;
  for (const [name, value] of missing) text = await withSeal(text, name, value);
  if (missing.length > 0) await writeManifest(project, text);
  const app = o.app ?? project.manifest.seal.app;
  return { path: project.path, app, completed: missing.map(([name]) => name) };
}

async function missingApp(project: Project, o: InitOptions): Promise<[string, string][]> {
  const { seal } = project.manifest;
  const app = o.app ?? seal.app;
  if (await hasKey(project, "app")) {
    if (app !== seal.app) throw differs(project, "app");
    return [];
  }
  const isInherited = project.appling !== undefined && app === seal.app;
  // without the name in it, values would stop opening when the folder is renamed
  return isInherited ? [] : [["app", app]];
}

function missingKey(project: Project, { publicKey }: InitOptions): [string, string][] {
  const present = project.manifest.seal.publicKey;
  if (present === undefined) return [["public_key", publicKey]];
  if (present !== publicKey) throw differs(project, "public_key");
  return [];
}

async function hasKey({ text }: Project, name: string): Promise<boolean> {
  const { formOf } = await import("../manifest/edit.ts");
  return formOf(text, { section: ["seal"], name }) !== null;
}

async function withSeal(text: string, name: string, value: string): Promise<string> {
  const { setEntry } = await import("../manifest/edit.ts");
  return setEntry(text, { section: ["seal"], name, value: tomlString(value) });
}

async function create(o: InitOptions): Promise<Made> {
  const [name] = MANIFEST_NAMES;
  const path = join(o.folder, name);
  const app = o.app ?? (await appOfFolder(o.folder));
  const template = await readTemplate("iterapp.toml", o.templates);
  const named = await withSeal(template, "app", app);
  const text = await withSeal(named, "public_key", o.publicKey);
  const beforeRename = (): void => {
    if (readManifestFile({ path, shown: name }) === null) return;
    throw fileError(name, "MANIFEST_EDIT_REFUSED", {
      message: "the manifest appeared meanwhile, so nothing was written",
      hint: "run the command again",
    });
  };
  try {
    await replaceFile({ path, text, beforeRename });
  } catch (error) {
    if (error instanceof ManifestError) throw error;
    throw fileError(name, "MANIFEST_EDIT_REFUSED", {
      message: `the manifest can't be written (${systemCode(error)})`,
      hint: "check that the folder exists and can be written",
    });
  }
  return { path, app, completed: [] };
}

/** @throws ManifestError when the folder's name can't name an app */
async function appOfFolder(folder: string): Promise<string> {
  const project = { file: MANIFEST_NAMES[0], folderName: basename(folder) };
  return (await parseManifestLazily("", project)).seal.app;
}

async function ignore(o: InitOptions, name: "gitignore" | "dockerignore"): Promise<string[]> {
  const template = await readTemplate(name, o.templates);
  return completeIgnoreFile(join(o.folder, `.${name}`), template);
}

function differs({ manifest }: Project, name: "app" | "public_key"): PolicyError {
  const what = name === "app" ? "another app" : "another public key";
  return new PolicyError("SECRET_EXISTS", `the manifest is made for ${what} already`, {
    place: { file: manifest.file, key: `seal.${name}` },
    hint: "keep it, or change that line by hand and set every value again",
  });
}
