/** Logins of docker's own, sealed into the slots of a manifest. */
import { DOCKER_HUB } from "../docker/reference.ts";
import { loginOrigin, registryLogin, type RegistryLogin } from "../docker/registry-config.ts";
import { registryHost } from "../docker/registry-host.ts";
import { DockerError } from "../errors.ts";
import { scrubEnvironment } from "../keys/variables.ts";
import { nearMiss } from "../manifest/near-miss.ts";
import type { Project } from "../project/project.ts";
import { planSlots, setSlots, type SlotResult, type SlotTarget } from "../project/set-slot.ts";
import type { LoginPlaces } from "./logins.ts";

/** Which logins to import. */
export interface ImportLoginsOptions {
  /** Of registries, with the port if any; each name of Docker Hub is `docker.io`. */
  readonly hosts: readonly string[];
  readonly places: LoginPlaces;
  /** Replace what a slot has. */
  readonly force?: boolean | undefined;
}

/** What {@link importLogins} would do for one host; plain data. */
export interface PlannedLogin extends SlotTarget {
  /**
   * Where docker has the login: `config.json`, `DOCKER_AUTH_CONFIG`, or the helper
   * `docker-credential-NAME`, which is not asked for a plan.
   */
  readonly from: string;
}

/** A login that was sealed; plain data without a value. */
export interface ImportedLogin extends SlotResult {
  readonly from: string;
  /** The user name is one under which clouds give tokens that end within hours. */
  readonly shortLived: boolean;
}

/**
 * What an import would do. No credential helper is started.
 *
 * @throws {@link UsageError} USAGE for what can't be a host; {@link DockerError} REGISTRY_LOGIN where
 *   docker has no login, or its config can't be read; and what `planSlots` throws
 */
export async function planLoginImport(
  project: Project,
  { hosts, places, force = false }: ImportLoginsOptions,
): Promise<PlannedLogin[]> {
  const targets = planSlots(project, { hosts: [...new Set(hosts.map(registryHost))], force });
  const planned: PlannedLogin[] = [];
  for (const target of targets) {
    const { from, ...config } = await loginOrigin(target.host, places);
    if (from === null) throw noLogin(target.host, config);
    planned.push({ ...target, from });
  }
  return planned;
}

/**
 * Seals the logins that docker itself would use on this machine into `[registries]`: all of them, or
 * none. Helpers are asked one after another, since each may ask its user.
 *
 * @throws as {@link planLoginImport}, and REGISTRY_LOGIN for a helper that can't be asked and for a
 *   login that no slot can carry; InterruptedError; what `setSlots` throws
 */
export async function importLogins(
  project: Project,
  options: ImportLoginsOptions,
): Promise<ImportedLogin[]> {
  const { places, force = false } = options;
  const planned = await planLoginImport(project, options);
  const logins: (RegistryLogin & { readonly host: string })[] = [];
  try {
    for (const { host } of planned) {
      const login = await askDocker(host, places);
      logins.push({ host, ...login });
      checkLogin(host, login);
    }
    const results = await setSlots(project, { slots: logins, force });
    return results.map((result, index) => ({
      ...result,
      from: planned[index]?.from ?? "",
      shortLived: SHORT_LIVED.test(result.username ?? ""),
    }));
  } finally {
    for (const { secret } of logins) secret.wipe();
  }
}

/** What Amazon's and Google's registries call whoever comes with a token of the day. */
const SHORT_LIVED = /^(?:AWS|oauth2accesstoken|_dcgcr_[\w]+_token)$/;

async function askDocker(host: string, places: LoginPlaces): Promise<RegistryLogin> {
  // credential helpers get it
  const env = scrubEnvironment(places.env);
  const login = await registryLogin(host, { ...places, env });
  if (login !== null) return login;
  throw noLogin(host, await loginOrigin(host, places));
}

function checkLogin(host: string, { username, secret, isRegistryToken }: RegistryLogin): void {
  const fault =
    isRegistryToken === true
      ? TOKEN
      : faultIn(
          username,
          secret.use((b) => b.length),
        );
  if (fault === null) return;
  throw new DockerError("REGISTRY_LOGIN", `docker's login for ${host} ${fault[0]}`, {
    hint: fault[1] ?? `log in again: ${loginCommand(host)}`,
  });
}

type Fault = readonly [what: string, hint?: string];

const TOKEN: Fault = [
  "is a registry token, which no slot can carry",
  "log in with a name and a password, or pull with --host-auth",
];

function faultIn(username: string, length: number): Fault | null {
  if (length === 0) return ["has an empty password"];
  return /\p{C}/u.test(username) ? ["has a user name with control characters"] : null;
}

/** Hosts that an error names; a config may have hundreds. */
const MOST_NAMED = 10;

function noLogin(
  host: string,
  { known, hasConfig }: { readonly known: readonly string[]; readonly hasConfig: boolean },
): DockerError {
  const others = known.filter((one) => one !== host);
  const near = nearMiss(host, others);
  const more = others.length > MOST_NAMED ? ` and ${others.length - MOST_NAMED} more` : "";
  const list = `docker has logins for ${others.slice(0, MOST_NAMED).join(", ")}${more}`;
  const hints = [
    loginCommand(host),
    ...(near === undefined ? [] : [`did you mean ${near}?`]),
    ...(others.length === 0 ? [] : [list]),
  ];
  const why = hasConfig ? "" : ": there is no config.json of docker's";
  return new DockerError("REGISTRY_LOGIN", `docker has no login for ${host}${why}`, {
    hint: hints.join("; "),
  });
}

/** Old versions of docker keep a login for `docker.io` under a name that no pull looks at. */
function loginCommand(host: string): string {
  return host === DOCKER_HUB ? "docker login" : `docker login ${host}`;
}
