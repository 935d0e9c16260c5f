/** Names of variables that the other command's own environment can't carry for a container. Pure. */
import { PolicyError } from "../errors.ts";

/**
 * Where programs are found and loaded from; where docker, podman, nerdctl, their Go runtime, their
 * credential helpers' ssh and their shell wrappers look for settings, files and servers.
 */
const EXACT = new Set(
  [
    "PATH HOME USER LOGNAME SHELL PWD TMPDIR TERM NOTIFY_SOCKET GLIBC_TUNABLES",
    "LISTEN_FDS LISTEN_PID LISTEN_FDNAMES REGISTRY_AUTH_FILE STORAGE_DRIVER STORAGE_OPTS",
    "GODEBUG GOTRACEBACK GOMAXPROCS GOGC GOMEMLIMIT GOCOVERDIR SSL_CERT_FILE SSL_CERT_DIR",
    "HTTP_PROXY HTTPS_PROXY ALL_PROXY FTP_PROXY NO_PROXY",
    "ENV BASH_ENV IFS CDPATH PS4 SHELLOPTS BASHOPTS",
  ].flatMap((line) => line.split(" ")),
);

const PREFIXES =
  /^(?:LD_|DYLD_|DOCKER_|CONTAINERS?_|CONTAINERD_|PODMAN_|NERDCTL_|BUILDKIT_|BUILDX_|CNI_|XDG_|SSH_|OTEL_|DBUS_|SYSTEMD_|_CONTAINERS_|BASH_FUNC_)/;

/** @throws {@link PolicyError} POLICY for the first one that would change what the tool does */
export function refuseReserved(names: readonly string[], tool: string): void {
  const name = names.find(isReserved);
  if (name === undefined) return;
  throw new PolicyError("POLICY", `${name} can't be handed to ${tool}: it would obey it itself`, {
    hint: `deliver it as a file (--file ${name}), leave it out (--except ${name}), or run without --via`,
  });
}

/** Proxies are read in small letters, too. */
function isReserved(name: string): boolean {
  const upper = name.toUpperCase();
  return EXACT.has(upper) || PREFIXES.test(upper);
}
