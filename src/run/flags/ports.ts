/** `-p [IP:][HOST[-HOST]:]CONTAINER[-CONTAINER][/PROTOCOL]`, as docker reads it. */
import { UsageError } from "../../errors.ts";

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

/** @throws {@link UsageError} USAGE for a specification docker would refuse */
export function parsePorts(specs: readonly string[]): Ports {
  const exposed: Record<string, Record<string, never>> = {};
  const bindings: Record<string, PortBinding[]> = {};
  for (const spec of specs) {
    for (const [port, binding] of parsePort(spec)) {
      exposed[port] = {};
      (bindings[port] ??= []).push(binding);
    }
  }
  return { ExposedPorts: exposed, PortBindings: bindings };
}

function parsePort(spec: string): [string, PortBinding][] {
  const match =
    /^(?:(?<ip>\[[0-9a-fA-F:.%]+\]|[^:[\]]*):)??(?:(?<host>[\d-]*):)?(?<inside>[\d-]+)(?:\/(?<protocol>\w+))?$/.exec(
      spec,
    );
  if (match === null) throw invalid(spec, "want [IP:][HOST:]CONTAINER[/PROTOCOL]");
  const { ip = "", host = "", inside = "", protocol = "tcp" } = match.groups ?? {};
  if (!PROTOCOLS.has(protocol.toLowerCase())) throw invalid(spec, "protocols are tcp, udp, sctp");
  const container = range(inside, spec);
  const outside = host === "" ? null : range(host, spec);
  const hostPort = hostPorts(container, outside, spec);
  const bindings: [string, PortBinding][] = [];
  for (let port = container.first; port <= container.last; port += 1) {
    bindings.push([
      `${port}/${protocol.toLowerCase()}`,
      { HostIp: ip.replace(/^\[|\]$/g, ""), HostPort: hostPort(port - container.first) },
    ]);
  }
  return bindings;
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
  return new UsageError("USAGE", `--publish ${JSON.stringify(spec)} is not a port: ${why}`);
}
