import { access, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Files that `init` starts from, in the package's `templates/`. */
export type TemplateName = "iterapp.toml" | "gitignore" | "dockerignore";

/**
 * The package's folder of templates: the nearest one above this module that has a manifest in it,
 * so that it is found from the sources and from a bundle alike.
 *
 * @throws Error when the package is incomplete
 */
export async function templatesFolder(from: string = import.meta.url): Promise<string> {
  let folder = dirname(fileURLToPath(from));
  while (folder !== dirname(folder)) {
    const templates = join(folder, "templates");
    if (await isReadable(join(templates, "iterapp.toml"))) return templates;
    folder = dirname(folder);
  }
  throw new Error("the package's templates are missing: install sealmount again");
}

/** Text of one template. */
export async function readTemplate(name: TemplateName, folder?: string): Promise<string> {
  return readFile(join(folder ?? (await templatesFolder()), name), "utf8");
}

async function isReadable(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
