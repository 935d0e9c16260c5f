/**
 * The engine over ssh as docker's own client does it: the user's `ssh` program runs
 * `docker system dial-stdio` on the other machine. So known_hosts, ~/.ssh/config, agents and jump
 * hosts hold. (docker-modem's ssh client checks no host key.)
 *
 * @see https://docs.docker.com/engine/security/protect-access/#use-ssh-to-protect-the-docker-daemon-socket
 */
import { Agent } from "node:http";
import type { Duplex } from "node:stream";

import type { DockerOptions } from "./endpoint.ts";
import { HttpWire } from "./http-wire.ts";
import { SshConnection } from "./ssh-connection.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** @param shown - the host as the user knows it */
export function sshWire(shown: string, options: DockerOptions): HttpWire {
  return new HttpWire({}, new SshAgent(shown, options));
}

/** A connection is a process; it is used again, since making one takes a handshake. */
class SshAgent extends Agent {
  readonly #shown: string;
  readonly #args: readonly string[];
  readonly #env: Env;

  constructor(shown: string, options: DockerOptions) {
    super({ keepAlive: true, scheduling: "lifo" });
    this.#shown = shown;
    this.#args = sshArguments(options);
    this.#env = options.env ?? {};
  }

  override createConnection(): Duplex {
    return new SshConnection({ shown: this.#shown, args: this.#args, env: this.#env });
  }
}

/** What `ssh` is called with: as docker's own client, without a terminal. */
export function sshArguments({ username, port, host, remoteSocket }: DockerOptions): string[] {
  return [
    "-o",
    "ConnectTimeout=30",
    "-T",
    ...(username === undefined ? [] : ["-l", username]),
    ...(port === undefined ? [] : ["-p", String(port)]),
    // no host is an option
    "--",
    host ?? "",
    "docker",
    ...(remoteSocket === undefined ? [] : ["--host", quoted(`unix://${remoteSocket}`)]),
    "system",
    "dial-stdio",
  ];
}

/** For the shell on the other machine. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
