import { basename } from "node:path";
import {
  findProject,
  initProject,
  type InitResult,
  listKeyFiles,
  MANIFEST_NAMES,
  ManifestError,
  newKeyPair,
  type Project,
  publicKeyFor,
  COMMON,
  writeKeyFile,
} from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import { optional } from "./shared.ts";

/**
 * `init`: a manifest, a key, and lines in `.gitignore` and `.dockerignore`. Doing it again changes
 * nothing: a key that the manifest names or the key folder has is kept.
 */
export const handle: Handler = async (context) => {
  const { cwd, values, out } = context;
  const existing = await existingProject(cwd);
  const app = values.get("app") ?? existing?.manifest.seal.app ?? basename(cwd);
  const key = await publicKeyOf(context, app, existing);
  // with a manifest, its own name is kept; without one, the key file must carry the same name
  const named = existing === null ? app : values.get("app");
  const result = await initProject({
    folder: cwd,
    publicKey: key.publicKey,
    ...optional("app", named),
  });
  if (out.isJson) out.json({ ...result, ...key });
  else report(context, result, key);
  return 0;
};

interface Key {
  readonly publicKey: string;
  /** The key file, when this call wrote it. */
  readonly keyFile?: string;
}

/** The manifest in this very folder, or null: one further up belongs to another app. */
async function existingProject(cwd: string): Promise<Project | null> {
  for (const file of MANIFEST_NAMES) {
    try {
      return await findProject({ cwd, file });
    } catch (error) {
      if (!(error instanceof ManifestError) || error.code !== "MANIFEST_NOT_FOUND") throw error;
    }
  }
  return null;
}

/** `--public-key`, else the manifest's, else the one in the key folder, else a new one. */
async function publicKeyOf(
  { values, env, host }: Context,
  app: string,
  existing: Project | null,
): Promise<Key> {
  const given = values.get("public-key");
  if (given !== undefined) return { publicKey: given };
  const written = existing === null ? undefined : publicKeyFor(existing.manifest.seal, COMMON);
  if (written !== undefined) return { publicKey: written };
  const where = { env, home: host.home };
  const kept = (await listKeyFiles(where)).find((file) => file.app === app)?.publicKey;
  if (kept !== undefined) return { publicKey: kept };
  const pair = await newKeyPair();
  const writing = writeKeyFile({ ...where, app, pair });
  const keyFile = await writing.finally(() => pair.privateKey.wipe());
  return { publicKey: pair.publicKey.text, keyFile };
}

function report({ out }: Context, result: InitResult, { publicKey, keyFile }: Key): void {
  const { path, app, created, completed, gitignore, dockerignore } = result;
  if (created) out.note(`wrote ${path} for the app ${app}`);
  else if (completed.length > 0) out.note(`added ${completed.join(" and ")} to [seal] of ${path}`);
  else out.note(`${path} is complete already`);
  if (keyFile !== undefined) out.note(`private key in ${keyFile}: keep a copy elsewhere`);
  for (const [file, lines] of [
    [".gitignore", gitignore],
    [".dockerignore", dockerignore],
  ] as const) {
    if (lines.length > 0) out.note(`added to ${file}: ${lines.join(" ")}`);
  }
  out.data(publicKey);
}
