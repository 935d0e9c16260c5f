import { decodeBase64 } from "../crypto/base64.ts";
import { unescapeString } from "../crypto/json.ts";
import { SealmountError, type Place } from "../errors.ts";
import { runCommand, type CommandOutcome } from "../keys/run-command.ts";
import { scrubEnvironment, type Env } from "../keys/variables.ts";
import { Secret } from "../secret/secret.ts";
import { SecretSet } from "../secret/secret-set.ts";
import { readFields } from "./json-fields.ts";

/** A Kubernetes secret has at most 1 MiB; base64, metadata and annotations come on top. */
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;
const TIME_LIMIT_MS = 30_000;
/** What Kubernetes allows as the name of a secret (RFC 1123 subdomain). */
const SECRET_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Which cluster objects belong to an environment, and how to reach them. */
export interface ClusterOptions {
  readonly app: string;
  readonly environment: string;
  /** PATH, HOME, KUBECONFIG …; key variables are not passed on. */
  readonly env: Env;
}

/** Who asks for a value: for errors. */
export interface Asker {
  /** What the value is called there, such as `env.prod.DB_PASSWORD`. */
  readonly label: string;
  readonly place: Place;
}

/** The Kubernetes secrets of one environment, read with kubectl; each at most once. */
export class Cluster implements Disposable {
  readonly namespace: string;
  readonly #env: Env;
  readonly #read = new Map<string, ReadonlyMap<string, Secret>>();
  readonly #owned = new SecretSet();

  constructor({ app, environment, env }: ClusterOptions) {
    // the platform gives each app one namespace an environment
    this.namespace = `apps-${app}-${environment}`;
    this.#env = env;
  }

  /**
   * One key of a secret.
   *
   * @returns stays the cluster's: copy it
   * @throws {@link SealmountError} SECRET_PROVIDER: no kubectl, no access, no such secret or key
   */
  async value(secret: string, key: string, asker: Asker): Promise<Secret> {
    const value = (await this.all(secret, asker)).get(key);
    if (value !== undefined) return value;
    const what = `the Kubernetes secret ${secret} in ${this.namespace} has no key ${JSON.stringify(key)}`;
    throw failed(asker, what, `kubectl describe secret ${secret} --namespace ${this.namespace}`);
  }

  /**
   * Every key of a secret.
   *
   * @throws {@link SealmountError} SECRET_PROVIDER, as {@link value}
   */
  async all(secret: string, asker: Asker): Promise<ReadonlyMap<string, Secret>> {
    const known = this.#read.get(secret);
    if (known !== undefined) return known;
    if (!SECRET_NAME.test(secret)) {
      throw failed(asker, `${JSON.stringify(secret)} can't be the name of a Kubernetes secret`, "");
    }
    const outcome = await this.#kubectl(secret);
    try {
      const fault = faultOf(outcome, secret, this.namespace);
      if (fault !== null) throw failed(asker, fault.what, fault.hint);
      const values = this.#decode(outcome.stdout);
      if (values === null)
        throw failed(asker, "kubectl printed no valid secret", "kubectl version");
      this.#read.set(secret, values);
      return values;
    } finally {
      outcome.stdout.fill(0);
    }
  }

  [Symbol.dispose](): void {
    this.#read.clear();
    this.#owned.wipe();
  }

  async #kubectl(secret: string): Promise<CommandOutcome> {
    return runCommand({
      program: "kubectl",
      args: ["get", "secret", secret, "--namespace", this.namespace, "-o", "json"],
      env: scrubEnvironment(this.#env),
      stderr: "pipe",
      maxBytes: MAX_OUTPUT_BYTES,
      timeLimitMs: TIME_LIMIT_MS,
    });
  }

  /** Reads `data` on bytes: JSON.parse would leave every value in strings that can't be wiped. */
  #decode(json: Buffer): Map<string, Secret> | null {
    const fields = readFields(json);
    if (fields === null) return null;
    const data = fields.get("data")?.bytes;
    // a secret without any key has no data, or null
    if (data === undefined || data.toString("latin1") === "null") return new Map();
    const entries = readFields(data);
    if (entries === null) return null;
    const values = new Map<string, Secret>();
    for (const [key, { bytes }] of entries) {
      const value = decodeBase64(unquoted(bytes));
      if (value === null) return null;
      values.set(key, this.#owned.add(Secret.take(key, value)));
    }
    return values;
  }
}

/** Go escapes `+` and `/` in no base64, but another server may. */
function unquoted(text: Buffer): Buffer {
  return unescapeString(text) ?? Buffer.from("!");
}

function faultOf(
  { notStarted, killed, code, signal, stderr }: CommandOutcome,
  secret: string,
  namespace: string,
): { what: string; hint: string } | null {
  const get = `kubectl get secret ${secret} --namespace ${namespace}`;
  if (notStarted === "ENOENT") {
    return {
      what: "kubectl was not found in PATH",
      hint: "install kubectl, or leave the value out",
    };
  }
  if (notStarted !== undefined)
    return { what: `kubectl can't be started (${notStarted})`, hint: get };
  if (killed === "time") return { what: "the cluster did not answer in 30 seconds", hint: get };
  if (killed === "size") return { what: "kubectl printed too much to be a secret", hint: get };
  if (code === 0) return null;
  if (/\(Forbidden\)|\(Unauthorized\)|must be logged in/u.test(stderr)) {
    return {
      what: `kubectl has no access to secrets in ${namespace}`,
      hint: "log in to the cluster",
    };
  }
  if (stderr.includes("(NotFound)")) {
    return { what: `there is no Kubernetes secret ${secret} in ${namespace}`, hint: get };
  }
  // its words are not shown: they are foreign, and the hint brings them up
  const how = signal === null ? `with exit code ${code ?? "unknown"}` : `by ${signal}`;
  return { what: `kubectl failed ${how}`, hint: `see why: ${get}` };
}

function failed({ label, place }: Asker, what: string, hint: string): SealmountError {
  const details = { place, ...(hint === "" ? {} : { hint }) };
  return new SealmountError("SECRET_PROVIDER", `${label}: ${what}`, details);
}
