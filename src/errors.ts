/**
 * The one error model of sealmount: a closed set of codes, each with its exit code, and a class
 * tree that carries a place and a hint. No message, place or hint ever holds a secret value, its
 * length or a line of a file.
 */

/** Exit codes of the command line, as the table in README.md lists them. */
export const EXIT = {
  done: 0,
  bug: 1,
  usage: 2,
  manifest: 3,
  key: 4,
  unseal: 5,
  docker: 6,
  build: 7,
  leak: 8,
  policy: 9,
  /** `run` and `exec`: our own failure before the program started, as docker itself does. */
  beforeStart: 125,
  /** The program can't be executed, or is not there: as docker and shells have it. */
  notExecutable: 126,
  notFound: 127,
  interrupted: 130,
} as const;

/** Stable error codes, tested as API: code → exit code. Docs and tests read this one table. */
export const ERROR_CODES = {
  USAGE: EXIT.usage,
  USAGE_VALUE_AS_ARGUMENT: EXIT.usage,
  USAGE_UNKNOWN: EXIT.usage,
  USAGE_NO_TERMINAL: EXIT.usage,
  USAGE_CONFLICT: EXIT.usage,
  MANIFEST_NOT_FOUND: EXIT.manifest,
  MANIFEST_UNREADABLE: EXIT.manifest,
  MANIFEST_TOO_LARGE: EXIT.manifest,
  MANIFEST_SYNTAX: EXIT.manifest,
  MANIFEST_DUPLICATE: EXIT.manifest,
  MANIFEST_INVALID: EXIT.manifest,
  MANIFEST_EDIT_REFUSED: EXIT.manifest,
  SECRET_MISSING: EXIT.manifest,
  SECRET_PROVIDER: EXIT.manifest,
  VALUE_INVALID: EXIT.manifest,
  KEY_NOT_FOUND: EXIT.key,
  KEY_FILE_MODE: EXIT.key,
  KEY_INVALID: EXIT.key,
  KEY_COMMAND: EXIT.key,
  UNSEAL_BASE64: EXIT.unseal,
  UNSEAL_TRUNCATED: EXIT.unseal,
  UNSEAL_WRONG_KEY: EXIT.unseal,
  UNSEAL_DAMAGED: EXIT.unseal,
  UNSEAL_BOUND_ELSEWHERE: EXIT.unseal,
  UNSEAL_UNBOUND: EXIT.unseal,
  UNSEAL_VERSION: EXIT.unseal,
  DOCKER_UNREACHABLE: EXIT.docker,
  DOCKER_TOO_OLD: EXIT.docker,
  DOCKER_NO_BUILDKIT: EXIT.docker,
  DOCKER_REFUSED: EXIT.docker,
  DOCKER_SESSION_LOST: EXIT.docker,
  REGISTRY_LOGIN: EXIT.docker,
  REGISTRY_UNREACHABLE: EXIT.docker,
  CONTAINER_MISSING: EXIT.docker,
  IMAGE_MISSING: EXIT.docker,
  IMAGE_UNREADABLE: EXIT.docker,
  DELIVERY_FAILED: EXIT.docker,
  DELIVERY_OWNER: EXIT.docker,
  DELIVERY_PATH: EXIT.docker,
  BUILD_FAILED: EXIT.build,
  BUILD_CONTEXT: EXIT.build,
  BUILD_DOCKERFILE: EXIT.build,
  BUILD_SECRET_SIZE: EXIT.build,
  BUILD_OUTPUT: EXIT.build,
  PROGRAM_NOT_EXECUTABLE: EXIT.notExecutable,
  PROGRAM_NOT_FOUND: EXIT.notFound,
  LEAK_FOUND: EXIT.leak,
  SECRET_EXISTS: EXIT.policy,
  POLICY: EXIT.policy,
  LABELS_UNTRUSTED: EXIT.policy,
  UNPROVED: EXIT.policy,
  INTERRUPTED: EXIT.interrupted,
} as const satisfies Record<string, number>;

/** One of the stable codes in {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Where a problem is: numbers and names, never text of the file. Lines and columns count from 1. */
export interface Place {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** Dotted key inside the manifest, such as `env.prod.API_KEY`. */
  readonly key?: string;
}

/** What an error may carry beside its message. */
export interface ErrorDetails {
  readonly place?: Place | undefined;
  /** One command or one edit that mends it. */
  readonly hint?: string | undefined;
  /** Only an error that we made or have cleaned: a foreign cause may quote a file or a value. */
  readonly cause?: SealmountError | undefined;
}

/**
 * Base of every error that a user can act on. Anything else that reaches the command line is a bug
 * of ours and exits 1.
 */
export class SealmountError extends Error {
  readonly code: ErrorCode;
  readonly place: Place | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause ? { cause: details.cause } : undefined);
    this.name = new.target.name;
    this.code = code;
    this.place = details.place;
    this.hint = details.hint;
  }

  /** The exit code that belongs to {@link code}. */
  get exitCode(): number {
    return ERROR_CODES[this.code];
  }
}

/** The command line or a library call was used wrongly. */
export class UsageError extends SealmountError {}

/** One problem in a manifest; a {@link ManifestError} lists all of them at once. */
export interface ManifestIssue {
  readonly code: ErrorCode;
  readonly message: string;
  readonly place: Place;
  readonly hint?: string | undefined;
}

/** The manifest is missing, unreadable, or has problems: all of them, in file order. */
export class ManifestError extends SealmountError {
  readonly issues: readonly ManifestIssue[];

  /** @param issues - at least one; the first gives the error its code, message, place and hint */
  constructor(issues: readonly [ManifestIssue, ...ManifestIssue[]]) {
    const [first] = issues;
    super(first.code, first.message, { place: first.place, hint: first.hint });
    this.issues = issues;
  }
}

/** No usable private key, or a key file that must not be used. */
export class KeyStoreError extends SealmountError {}

/** A sealed value does not open, or is bound to another place. */
export class UnsealError extends SealmountError {}

/** The engine is unreachable, too old, or refused a request; also delivery into a container. */
export class DockerError extends SealmountError {
  /** HTTP status of the engine's answer, when there was one. */
  readonly status: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    details: ErrorDetails & { readonly status?: number | undefined } = {},
  ) {
    super(code, message, details);
    this.status = details.status;
  }
}

/** The build itself failed, or its context or Dockerfile can't be used. */
export class BuildError extends SealmountError {}

/** A known secret was found where it must not be. */
export class LeakFoundError extends SealmountError {}

/** Refused by policy: exists already, unproved under `--strict`, plain where sealed is required. */
export class PolicyError extends SealmountError {}

/** The user pressed Ctrl-C, or an abort signal fired. */
export class InterruptedError extends SealmountError {
  constructor(message = "interrupted") {
    super("INTERRUPTED", message);
  }
}

/**
 * The system's name of a fault, such as `ENOENT`: all that may be told of a foreign error, whose
 * message may quote paths and more.
 *
 * @returns "" for anything else
 */
export function errnoOf(error: unknown): string {
  if (!(error instanceof Error) || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}
