/** What a registry's refusal means. Pure. */
import { repositoryOf, type ImageReference } from "../docker/reference.ts";
import { isLoginRefusal, loginHint } from "../docker/registry-auth.ts";
import { DockerError, type ErrorCode } from "../errors.ts";

/** A pull that was refused. */
export interface RefusedPull {
  /** As it was typed. */
  readonly image: string;
  readonly reference: ImageReference;
  readonly platform: string | undefined;
  /** The engine's or registry's own, masked and harmless. */
  readonly words: string;
  /** Whether a login was sent. */
  readonly hasLogin: boolean;
}

interface Meaning {
  readonly code: ErrorCode;
  readonly hint: string;
}

const PLATFORM =
  /no matching manifest|no match for platform|(?:not match|not provide) the specified platform/i;
const TOO_MANY = /\b429\b|toomanyrequests|too many requests|rate limit/i;
/** A registry that knows whom it talks to says this; one that does not may hide an image behind it. */
const HIDDEN = /repository does not exist/i;
const NO_LOGIN = /\b401\b|unauthorized|authentication required|no basic auth/i;
const MISSING = /manifest unknown|name unknown|manifest for \S* ?not found|: not found$/i;

/** The error for a pull that a registry, or the engine for it, refused. */
export function pullFailure(pull: RefusedPull): DockerError {
  const { code, hint } = meaningOf(pull);
  return new DockerError(code, `image ${pull.image} is not pulled: ${pull.words}`, { hint });
}

function meaningOf(pull: RefusedPull): Meaning {
  const { reference, platform } = pull;
  const { host } = reference;
  // a name may hold any of the words
  const words = [pull.image, repositoryOf(reference), reference.path].reduce(
    (text, name) => text.replaceAll(name, ""),
    pull.words,
  );
  if (PLATFORM.test(words)) {
    const wanted = platform === undefined ? "the engine's own platform" : `--platform ${platform}`;
    return { code: "IMAGE_MISSING", hint: `the image is not there for ${wanted}: name another` };
  }
  if (TOO_MANY.test(words)) {
    return {
      code: "DOCKER_REFUSED",
      hint: `wait, or take a login that may pull more: ${loginHint(host)}`,
    };
  }
  if (HIDDEN.test(words) && !NO_LOGIN.test(words)) {
    return {
      code: "IMAGE_MISSING",
      hint: `check the name; if the image is private, ${loginHint(host)}`,
    };
  }
  if (isLoginRefusal(words)) return { code: "REGISTRY_LOGIN", hint: refusedHint(pull) };
  if (MISSING.test(words)) return { code: "IMAGE_MISSING", hint: "check the name and the tag" };
  return { code: "DOCKER_REFUSED", hint: `check the name, and whether the engine reaches ${host}` };
}

function refusedHint({ reference: { host }, hasLogin }: RefusedPull): string {
  if (!hasLogin) return `no login for ${host} was found: ${loginHint(host)}`;
  return `${host} did not take the login: see [registries."${host}"], --image-pull-secret or docker login ${host}`;
}
