/** `--network` in its short and its long form, and what else names an address or a host. */
import { isIP, isIPv4, isIPv6 } from "node:net";

import { UsageError } from "../../errors.ts";
import { csvFields, splitPair } from "./csv.ts";
import { parseInteger } from "./numbers.ts";

/** One network to join, and how. */
export interface Network {
  /** Name or id; `host`, `none`, `bridge`, `default` and `container:NAME` are docker's own. */
  readonly target: string;
  readonly aliases: readonly string[];
  readonly links: readonly string[];
  readonly linkLocalIps: readonly string[];
  readonly driverOptions: Readonly<Record<string, string>>;
  readonly ip: string | undefined;
  readonly ip6: string | undefined;
  readonly macAddress: string | undefined;
  readonly gatewayPriority: number | undefined;
}

const NOTHING: Omit<Network, "target"> = {
  aliases: [],
  links: [],
  linkLocalIps: [],
  driverOptions: {},
  ip: undefined,
  ip6: undefined,
  macAddress: undefined,
  gatewayPriority: undefined,
};

/** A network of which nothing but the name is asked. */
export function plainNetwork(target: string): Network {
  return { ...NOTHING, target };
}

/**
 * Reads `--network NAME`, or `name=NAME,alias=…,ip=…,ip6=…,mac-address=…,link-local-ip=…,
 * driver-opt=KEY=VALUE,gw-priority=N`. The long form is read in lower case, as docker does.
 *
 * @throws {@link UsageError} USAGE for no name, an unknown key or a bad value
 */
export function parseNetwork(text: string): Network {
  const network = /\w+=\w+/.test(text) ? longForm(text) : plainNetwork(text);
  if (network.target.trim() === "") throw invalid("it has no name");
  return network;
}

function longForm(text: string): Network {
  const fields = csvFields(text);
  if (fields === null) throw invalid("the quotes do not match");
  return fields.reduce<Network>((network, field) => {
    const [key, value] = splitPair(field.toLowerCase());
    const apply = FIELDS.get(key.trim());
    if (apply === undefined) throw invalid(`unknown key ${JSON.stringify(key.trim())}`);
    if (value === undefined) throw invalid(`${key.trim()} needs a value`);
    return { ...network, ...apply(value.trim(), network) };
  }, plainNetwork(""));
}

type Apply = (value: string, before: Network) => Partial<Network>;

const FIELDS = new Map<string, Apply>([
  ["name", (target) => ({ target })],
  ["alias", (alias, { aliases }) => ({ aliases: [...aliases, alias] })],
  ["ip", (ip) => ({ ip: checkIp(ip, "network") })],
  ["ip6", (ip6) => ({ ip6: checkIp(ip6, "network") })],
  ["mac-address", (mac) => ({ macAddress: checkMac(mac, "network") })],
  [
    "link-local-ip",
    (ip, { linkLocalIps }) => ({ linkLocalIps: [...linkLocalIps, checkIp(ip, "network")] }),
  ],
  [
    "driver-opt",
    (option, { driverOptions }) => {
      const [key, value] = splitPair(option);
      if (key === "" || value === undefined) throw invalid("driver-opt is KEY=VALUE");
      return { driverOptions: { ...driverOptions, [key.trim()]: value.trim() } };
    },
  ],
  ["gw-priority", (number) => ({ gatewayPriority: parseInteger(number, "network gw-priority") })],
]);

/** @throws {@link UsageError} USAGE for what is no IPv4 address, with `ip6` no IPv6 address */
export function checkIp(text: string, option: string): string {
  const isRight = option === "ip" ? isIPv4 : option === "ip6" ? isIPv6 : isIP;
  if (isRight(text.trim())) return text.trim();
  throw new UsageError("USAGE", `--${option} ${JSON.stringify(text)} is not an IP address`);
}

/** @throws {@link UsageError} USAGE for what is no 48-bit, 64-bit or InfiniBand address */
export function checkMac(text: string, option: string): string {
  const colons = /^[\da-f]{2}([:-])(?:[\da-f]{2}\1)*[\da-f]{2}$/i.test(text.trim());
  const dots = /^[\da-f]{4}\.(?:[\da-f]{4}\.)*[\da-f]{4}$/i.test(text.trim());
  const bytes = text.replace(/[^\da-f]/gi, "").length / 2;
  if ((colons || dots) && [6, 8, 20].includes(bytes)) return text.trim();
  throw new UsageError("USAGE", `--${option} ${JSON.stringify(text)} is not a MAC address`);
}

/** @throws {@link UsageError} USAGE for what can't be a domain to search; `.` is none at all */
export function checkSearchDomain(text: string): string {
  const domain = text.trim();
  const part = String.raw`[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?`;
  const pattern = new RegExp(String.raw`^${part}(?:\.${part})*\.?$`);
  if (domain === ".") return domain;
  if (/[a-zA-Z]/.test(domain) && pattern.test(domain) && domain.length < 255) return domain;
  throw new UsageError("USAGE", `--dns-search ${JSON.stringify(text)} is not a domain`);
}

/** @throws {@link UsageError} USAGE for what is not `CONTAINER[:ALIAS]` */
export function checkLink(text: string): string {
  if (/^[^:]+(?::[^:]*)?$/.test(text)) return text;
  throw new UsageError("USAGE", `--link ${JSON.stringify(text)} is not CONTAINER[:ALIAS]`);
}

function invalid(why: string): UsageError {
  return new UsageError("USAGE", `--network can't be read: ${why}`, {
    hint: "write a name, or name=NAME,alias=NAME,ip=ADDRESS",
  });
}
