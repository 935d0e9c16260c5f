/** Chooses what carries the requests to an engine. */
import type { Endpoint } from "./endpoint.ts";
import { fromRequest } from "./errors.ts";
import { HttpWire } from "./http-wire.ts";
import { ModemWire, tlsModem } from "./modem-wire.ts";
import type { Wire } from "./wire.ts";

/** @throws {@link DockerError} DOCKER_UNREACHABLE for unusable certificates */
export async function wireTo({ host: shown, options }: Endpoint): Promise<Wire> {
  const { protocol, socketPath, host, port } = options;
  if (socketPath !== undefined) return new HttpWire({ socketPath });
  if (protocol === "ssh") return (await import("./ssh-wire.ts")).sshWire(shown, options);
  if (protocol !== "https") return new HttpWire({ host, port });
  try {
    return new ModemWire(await tlsModem(options));
  } catch (error) {
    throw fromRequest(error, shown);
  }
}
