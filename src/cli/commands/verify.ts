import {
  assertClean,
  BUILD,
  chooseEnvironment,
  COMMON,
  type ImageSource,
  KeyStoreError,
  type Keyring,
  type Manifest,
  openForVerify,
  parsePublicKey,
  type Project,
  publicKeyFor,
  type SecretSet,
  verify,
  type VerifyReport,
  verifyView,
} from "../../index.ts";
import { LessMemory } from "../memory.ts";
import type { Context, Handler } from "../spec.ts";
import { type KeySearch, keyringOf } from "./keyring.ts";
import { protect } from "./masking.ts";
import { openProject } from "./shared.ts";
import { placesOf, writeReport } from "./verify-report.ts";
import { namedSource } from "./verify-source.ts";

/** `verify IMAGE`: looks for every secret that opens in every part of an image. */
export const handle: Handler = async (context) => {
  const { values } = context;
  const named = namedSource(context);
  const places = await placesOf(context);
  const project = await openProject(context);
  using keyring = keyringOf(context, project);
  const report = await searchImage(context, {
    project,
    keyring,
    source: async () => named.source({ project, keyring }),
  });
  const unwritten = await writeReport(context, report, places);
  try {
    assertClean(report, { strict: values.flag("strict") });
  } catch (error) {
    // the exit code is the verdict's, whatever became of its files
    for (const { message, hint, place } of unwritten)
      context.out.warn(`${place?.file ?? ""}: ${message}`, hint);
    throw error;
  }
  const [first] = unwritten;
  if (first !== undefined) throw first;
  return 0;
};

/** An image, and where the secrets to look for come from. */
interface ProofOptions {
  readonly project: Project;
  readonly keyring: KeySearch;
  /** Asked for when the secrets are open. */
  readonly source: () => Promise<ImageSource>;
}

async function searchImage(context: Context, options: ProofOptions): Promise<VerifyReport> {
  const { host, env, out, values } = context;
  const { project, keyring } = options;
  const scope = await scopeOfProof(context, project, keyring);
  using secrets = await secretsOf(context, options, scope);
  const source = await options.source();
  const view = verifyView(out.isJson ? NOWHERE : out.stderr, out.mask(source.name), {
    silence: "the engine is preparing the image",
  });
  using memory = new LessMemory();
  const onProgress = (bytes: number, total?: number): void => {
    memory.note(bytes);
    view.onProgress(bytes, total);
  };
  try {
    const { signal } = host;
    const cache = !values.flag("no-cache");
    const unopened = scope.closed.map((name) => `${name}/*`);
    const ways = { signal, env, cache, unopened, onProgress };
    return await verify(source, secrets, ways).report();
  } finally {
    view.end();
  }
}

const NOWHERE = { write: () => undefined };

/** The secrets to look for; from now on they are masked in everything written. */
export async function secretsOfProof(
  context: Context,
  project: Project,
  keyring: KeySearch,
): Promise<SecretSet> {
  const scope = await scopeOfProof(context, project, keyring);
  return secretsOf(context, { project, keyring }, scope);
}

async function secretsOf(
  context: Context,
  { project, keyring }: Pick<ProofOptions, "project" | "keyring">,
  { environments, build }: ProofScope,
): Promise<SecretSet> {
  const { env } = context;
  const ways = { environments, build, keyring: keyring.find, env };
  const secrets = await openForVerify(project, ways);
  const values = [...secrets].map((value) => ({ value }));
  protect(context, values);
  return secrets;
}

interface ProofScope {
  readonly environments: readonly string[];
  readonly build: boolean;
  /** Those with secrets whose key is not here. */
  readonly closed: readonly string[];
}

/**
 * The environments of `--env`, else all that the keys here open; those that they do not are said
 * aloud, as nothing is proved for them. Build secrets are always looked for where they open.
 */
async function scopeOfProof(
  context: Context,
  project: Project,
  keyring: KeySearch,
): Promise<ProofScope> {
  const { values, out } = context;
  const { manifest } = project;
  if (values.typed("env")) {
    const environments = values.list("env").map((flag) => chooseEnvironment({ flag, manifest }));
    // it may be a slip, and what is not looked for is not found
    for (const name of environments.filter((each) => !manifest.environments.has(each))) {
      out.warn(`the manifest has no [env.${name}]: for it, what is common is looked for, no more`);
    }
    return { environments, build: true, closed: [] };
  }
  const ring = await keyring.find();
  const named = [...manifest.environments.keys()].filter((name) => name !== COMMON);
  const all = named.length > 0 ? named : [chooseEnvironment({ manifest })];
  const environments = all.filter((name) => opens(project, ring, name));
  const build = opens(project, ring, BUILD);
  const left = [...all.filter((name) => !environments.includes(name)), ...(build ? [] : [BUILD])];
  if (environments.length === 0 && !build) throw noKey(left, ring);
  const closed = left.filter((name) => hasSecrets(manifest, name));
  if (closed.length > 0)
    out.warn(`not looked for: the secrets of ${closed.join(", ")}, whose key is not here`);
  return { environments, build, closed };
}

function hasSecrets(
  { environments, buildSecrets, registries, git }: Manifest,
  scope: string,
): boolean {
  if (scope === BUILD) return buildSecrets.size + registries.length + git.length > 0;
  const entries = [...(environments.get(scope)?.values() ?? [])];
  return entries.some(({ source }) => source.kind !== "plain");
}

/** Whether the key of a scope is here. A scope without a key has nothing sealed. */
function opens({ manifest }: Project, ring: Keyring, scope: string): boolean {
  const text = publicKeyFor(manifest.seal, scope);
  const wanted = text === undefined ? null : parsePublicKey(text);
  return wanted === null || ring.pairs.some(({ publicKey }) => publicKey.text === wanted.text);
}

function noKey(scopes: readonly string[], { tried }: Keyring): KeyStoreError {
  const message = `none of the keys here opens ${scopes.join(", ")}; tried ${tried.join(", ")}`;
  return new KeyStoreError("KEY_NOT_FOUND", message, {
    hint: "put the key in one of them, or name environments with --env",
  });
}
