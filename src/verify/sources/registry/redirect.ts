/** Where a registry may lead to. Pure. */
import { BlockList, isIP } from "node:net";
import { isLoopback } from "../../../session/auth/http.ts";

/** A redirect that is not followed. */
export class RedirectError extends Error {}

/** Addresses that mean something else for each machine: the metadata of a cloud's machine is there. */
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet("0.0.0.0", 8);
LINK_LOCAL.addSubnet("127.0.0.0", 8);
LINK_LOCAL.addSubnet("169.254.0.0", 16);
LINK_LOCAL.addSubnet("fe80::", 10, "ipv6");
LINK_LOCAL.addSubnet("::", 127, "ipv6");

/**
 * Never from TLS to a connection that anybody on the way can read and change, and never from another
 * machine to the services of this one. A name that resolves to this one is not told from others.
 *
 * @param from - that was asked
 * @param location - of the answer
 * @throws {@link RedirectError}
 */
export function nextOf(from: URL, location: string | undefined): URL {
  const next = URL.parse(location ?? "", from.href);
  const isSafe = next?.protocol === "https:" || next?.protocol === from.protocol;
  if (next === null || !isSafe || !next.protocol.startsWith("http")) throw new RedirectError();
  if (isOfThisMachine(next) && !isOfThisMachine(from)) throw new RedirectError();
  return next;
}

function isOfThisMachine({ host, hostname }: URL): boolean {
  const address = hostname.replace(/^\[|\]$/gu, "");
  const family = isIP(address);
  if (family === 0) return isLoopback(host) || address.endsWith(".localhost");
  return LINK_LOCAL.check(address, family === 6 ? "ipv6" : "ipv4");
}
