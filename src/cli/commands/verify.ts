import {
  assertClean,
  BUILD,
  chooseEnvironment,
  COMMON,
  engineImage,
  KeyStoreError,
  type Keyring,
  openForVerify,
  parsePublicKey,
  type Project,
  publicKeyFor,
  renderReport,
  reportJson,
  verify,
  type VerifyReport,
} from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import { connect } from "./engine.ts";
import { type KeySearch, keyringOf } from "./keyring.ts";
import { protect } from "./masking.ts";
import { openProject } from "./shared.ts";

/** `verify IMAGE`: looks for every secret that opens in every part of an image. */
export const handle: Handler = async (context) => {
  const { operands, values, out } = context;
  const [image = ""] = operands;
  const project = await openProject(context);
  using keyring = keyringOf(context, project);
  const report = await searchImage(context, { project, keyring, image });
  if (out.isJson) out.json(reportJson(report));
  else for (const line of renderReport(report)) out.data(line);
  assertClean(report, { strict: values.flag("strict") });
  return 0;
};

/** An image, and where the secrets to look for come from. */
export interface ProofOptions {
  readonly project: Project;
  readonly keyring: KeySearch;
  readonly image: string;
}

/** Searches an image for the secrets of the environments asked for, and of the build. */
export async function searchImage(context: Context, options: ProofOptions): Promise<VerifyReport> {
  const { host, env } = context;
  const { project, keyring, image } = options;
  const scope = await scopeOfProof(context, project, keyring);
  using secrets = await openForVerify(project, { ...scope, keyring: keyring.find, env });
  protect(
    context,
    [...secrets].map((value) => ({ value })),
  );
  const engine = await connect(context);
  return await verify(engineImage(engine, image), secrets, { signal: host.signal }).report();
}

interface ProofScope {
  readonly environments: readonly string[];
  readonly build: boolean;
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
    return { environments, build: true };
  }
  const ring = await keyring.find();
  const named = [...manifest.environments.keys()].filter((name) => name !== COMMON);
  const all = named.length > 0 ? named : [chooseEnvironment({ manifest })];
  const environments = all.filter((name) => opens(project, ring, name));
  const build = opens(project, ring, BUILD);
  const left = [...all.filter((name) => !environments.includes(name)), ...(build ? [] : [BUILD])];
  if (environments.length === 0 && !build) throw noKey(left, ring);
  if (left.length > 0)
    out.warn(`not looked for: the secrets of ${left.join(", ")}, whose key is not here`);
  return { environments, build };
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
