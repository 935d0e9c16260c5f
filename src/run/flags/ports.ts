/** `-p [IP:][HOST[-HOST]:]CONTAINER[-CONTAINER][/PROTOCOL]` and `--expose`, as docker reads them. */
import { isIP } from "node:net";

import { UsageError } from "../../errors.ts";
import { splitPair } from "./csv.ts";

/** One host side of a published port. */
export interface PortBinding {
  readonly HostIp: string;
  /** A port, a range (`8000-8010`: the engine picks one), or empty: any free port. */
  readonly HostPort: string;
}

/** The two parts of a create request that ports touch. Keys are `80/tcp`. */
export interface Ports {
  readonly ExposedPorts: Readonly<Record<string, Record<string, never>>>;
  readonly PortBindings: Readonly<Record<string, readonly PortBinding[]>>;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

const PROTOCOLS: ReadonlySet<string> = new Set(["tcp", "udp", "sctp"]);
const MAX_PORT = 65_535;

/**
 * Reads `--publish`, also in its long form `target=80,published=8080,protocol=tcp`, and `--expose`.
 *
 * @throws {@link UsageError} USAGE for a specification docker would refuse
 */
export function parsePorts(specs: readonly string[], expose: readonly string[] = []): Ports {
  const exposed: Record<string, Record<string, never>> = {};
  const bindings: Record<string, PortBinding[]> = {};
  for (const spec of specs) {
    for (const [port, binding] of parsePort(spec.includes("=") ? shortForm(spec) : spec)) {
      exposed[port] = {};
      (bindings[port] ??= []).push(binding);
    }
  }
  for (const port of expose.flatMap(parseExpose)) exposed[port] = {};
  return { ExposedPorts: exposed, PortBindings: bindings };
}

function shortForm(spec: string): string {
  const pairs = new Map([["protocol", "tcp"]]);
  for (const part of spec.split(",")) {
    const [key, value] = splitPair(part);
    if (key === "" || value === undefined) throw invalid(spec, "want KEY=VALUE with commas");
    pairs.set(key, value);
  }
  const [published = "", target = ""] = [pairs.get("published"), pairs.get("target")];
  return `${published}:${target}/${pairs.get("protocol")}`;
}

function parseExpose(spec: string): string[] {
  const match = /^([\d-]+)(?:\/(\w*))?$/.exec(spec);
  if (match === null) {
    throw new UsageError("USAGE", `--expose ${JSON.stringify(spec)} is not PORT[-PORT][/PROTOCOL]`);
  }
  const ports = range(match[1] ?? "", spec);
  // any word is a protocol here, as with docker
  const protocol = match[2]?.toLowerCase() || "tcp";
  return Array.from({ length: size(ports) }, (_, n) => `${ports.first + n}/${protocol}`);
}

function parsePort(spec: string): [string, PortBinding][] {
  const { ip, host, inside, protocol } = partsOf(spec);
  const container = range(inside, spec);
  const outside = host === "" ? null : range(host, spec);
  const hostPort = hostPorts(container, outside, spec);
  return Array.from({ length: size(container) }, (_, n) => [
    `${container.first + n}/${protocol}`,
    { HostIp: ip, HostPort: hostPort(n) },
  ]);
}

interface Parts {
  readonly ip: string;
  readonly host: string;
  readonly inside: string;
  /** In lower case. */
  readonly protocol: string;
}

function partsOf(spec: string): Parts {
  const match =
    /^(?:(?<ip>\[[0-9a-fA-F:.%]+\]|[^:[\]]*):)??(?:(?<host>[\d-]*):)?(?<inside>[\d-]+)(?:\/(?<protocol>\w*))?$/.exec(
      spec,
    );
  if (match === null) throw invalid(spec, "want [IP:][HOST:]CONTAINER[/PROTOCOL]");
  const { ip: typed = "", host = "", inside = "", protocol = "" } = match.groups ?? {};
  const ip = typed.replace(/^\[|\]$/g, "");
  if (ip !== "" && isIP(ip) === 0) throw invalid(spec, "the address is not an IP address");
  return { ip, host, inside, protocol: protocolOf(protocol, spec) };
}

function protocolOf(text: string, spec: string): string {
  const name = text === "" ? "tcp" : text.toLowerCase();
  if (PROTOCOLS.has(name)) return name;
  throw invalid(spec, "protocols are tcp, udp, sctp");
}

/** Host port for the n-th container port. A host range for one container port stays a range. */
function hostPorts(container: Range, host: Range | null, spec: string): (n: number) => string {
  if (host === null) return () => "";
  if (size(container) === size(host)) return (n) => String(host.first + n);
  if (size(container) !== 1) throw invalid(spec, "the two ranges differ in length");
  return () => `${host.first}-${host.last}`;
}

function size(r: Range): number {
  return r.last - r.first + 1;
}

function range(text: string, spec: string): Range {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1] ?? Number.NaN);
  const last = Number(match?.[2] ?? first);
  if (match === null || last < first || last > MAX_PORT || first < 0) {
    throw invalid(spec, `ports are 0 to ${MAX_PORT}, ranges ascend`);
  }
  return { first, last };
}

function invalid(spec: string, why: string): UsageError {
  return new UsageError("USAGE", `${JSON.stringify(spec)} is not a port: ${why}`);
}
