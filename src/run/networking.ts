/** Networks and what belongs to them, as docker's own client spreads them over a create request. */
import { UsageError } from "../errors.ts";
import type { ContainerOptions } from "./container-options.ts";
import { checkIp, checkLink, checkMac, parseNetwork, plainNetwork } from "./flags/networks.ts";
import type { Network } from "./flags/networks.ts";
import { given, present } from "./present.ts";

/** One element of NetworkingConfig.EndpointsConfig. */
export interface Endpoint {
  readonly IPAMConfig?: {
    readonly IPv4Address?: string;
    readonly IPv6Address?: string;
    readonly LinkLocalIPs?: readonly string[];
  };
  readonly Links?: readonly string[];
  readonly Aliases?: readonly string[];
  readonly MacAddress?: string;
  readonly DriverOpts?: Readonly<Record<string, string>>;
  readonly GwPriority?: number;
}

/** The parts of a create request that name networks. */
export interface Networking {
  readonly networkMode: string | undefined;
  readonly endpoints: Readonly<Record<string, Endpoint>>;
  readonly links: readonly string[];
}

/** Where docker puts a container that names no network. */
const DEFAULT = "default";

/**
 * The first network takes `--network-alias`, `--ip`, `--ip6`, `--link-local-ip`, `--mac-address` and
 * `--link`.
 *
 * @throws {@link UsageError} USAGE for a bad value, USAGE_CONFLICT for what docker's client refuses too
 */
export function networkingOf(options: ContainerOptions): Networking {
  const networks = networksOf(options);
  const [first = plainNetwork(DEFAULT), ...others] = networks;
  const links = (options.link ?? []).map(checkLink);
  const joined = [withOptions(first, options, links), ...others];
  refuseMixture(joined);
  const named = joined.map((network) => [network.target, endpointOf(network)] as const);
  // one network with nothing but its name is told by the mode
  const isPlain = named.length === 1 && Object.keys(named[0]?.[1] ?? {}).length === 0;
  return {
    networkMode: networks.length === 0 && isPlain ? undefined : first.target,
    endpoints: isPlain ? {} : Object.fromEntries(named),
    links,
  };
}

/** Every `--network`, parsed. @throws {@link UsageError} USAGE */
export function networksOf({ network = [] }: ContainerOptions): Network[] {
  return (typeof network === "string" ? [network] : network).map(parseNetwork);
}

/** Options of the container that belong to its first network; each is given in one place only. */
function withOptions(
  network: Network,
  options: ContainerOptions,
  links: readonly string[],
): Network {
  const own: Partial<Network> = present<Partial<Network>>({
    aliases: options.networkAlias,
    linkLocalIps: (options.linkLocalIp ?? []).map((ip) => checkIp(ip, "link-local-ip")),
    ip: given(options.ip, (ip) => checkIp(ip, "ip")),
    ip6: given(options.ip6, (ip) => checkIp(ip, "ip6")),
    macAddress: given(options.macAddress, (mac) => checkMac(mac, "mac-address")),
  });
  const there = present<Partial<Network>>(network);
  const twice = OPTION_AND_KEY.find(([field]) => field in own && field in there);
  if (twice !== undefined) {
    throw conflict(`--${twice[1]} and --network …,${twice[2]}=… exclude each other`);
  }
  // of the default bridge a link is the container's own, and old
  return { ...network, ...own, links: isUserDefined(network) ? links : [] };
}

/** Fields of a network, the options of the container for them, and the keys of the long form. */
const OPTION_AND_KEY = [
  ["aliases", "network-alias", "alias"],
  ["linkLocalIps", "link-local-ip", "link-local-ip"],
  ["ip", "ip", "ip"],
  ["ip6", "ip6", "ip6"],
  ["macAddress", "mac-address", "mac-address"],
] as const;

function endpointOf(network: Network): Endpoint {
  return present<Endpoint>({
    IPAMConfig: present<NonNullable<Endpoint["IPAMConfig"]>>({
      IPv4Address: network.ip,
      IPv6Address: network.ip6,
      LinkLocalIPs: network.linkLocalIps,
    }),
    Links: network.links,
    Aliases: network.aliases,
    MacAddress: network.macAddress,
    DriverOpts: network.driverOptions,
    GwPriority: network.gatewayPriority,
  });
}

function refuseMixture(networks: readonly Network[]): void {
  const names = networks.map(({ target }) => target);
  const twice = names.find((name, at) => names.indexOf(name) < at);
  if (twice !== undefined) throw conflict(`--network ${JSON.stringify(twice)} is given twice`);
  const own = networks.filter(isUserDefined);
  if (own.length > 0 && own.length < networks.length) {
    throw conflict("--network can't mix host, none, bridge or container:… with other networks");
  }
  const other = networks.find((network) => !isUserDefined(network) && network.aliases.length > 0);
  if (other !== undefined) {
    throw conflict(`network ${JSON.stringify(other.target)} takes no aliases`);
  }
}

function isUserDefined({ target }: Network): boolean {
  return !/^(?:default|bridge|host|none|container:.*)$/.test(target);
}

function conflict(fact: string): UsageError {
  return new UsageError("USAGE_CONFLICT", fact);
}
