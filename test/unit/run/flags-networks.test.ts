import { describe, expect, it } from "vitest";

import type { ContainerOptions } from "../../../src/run/container-options.ts";
import {
  checkIp,
  checkLink,
  checkMac,
  checkSearchDomain,
  parseNetwork,
} from "../../../src/run/flags/networks.ts";
import { networkingOf } from "../../../src/run/networking.ts";

const usage = expect.objectContaining({ code: "USAGE", exitCode: 2 }) as Error;
const conflict = expect.objectContaining({ code: "USAGE_CONFLICT", exitCode: 2 }) as Error;

describe("--network", () => {
  it.each([
    ["cats", { target: "cats" }],
    ["container:x", { target: "container:x" }],
    ["name=cats", { target: "cats" }],
    ["NAME=Cats,Alias=A,alias=b", { target: "cats", aliases: ["a", "b"] }],
    ["name=a, ip = 10.0.0.1", { target: "a", ip: "10.0.0.1" }],
    ["name=a,ip6=fd00::1,mac-address=02:42:ac:11:00:02", { ip6: "fd00::1" }],
    ["name=a,link-local-ip=169.254.0.1,link-local-ip=fe80::1", { target: "a" }],
    ['name=a,"driver-opt=k=v,w",driver-opt=l=', { driverOptions: { k: "v,w", l: "" } }],
    ["name=a,gw-priority=-1", { gatewayPriority: -1 }],
  ])("%s", (text, part) => {
    expect(parseNetwork(text)).toMatchObject(part);
  });

  it.each([
    "",
    " ",
    "alias=x",
    "cats,alias=x",
    "name=a,what=1",
    "name=a,alias",
    "name=a,ip=x",
    "name=a,ip6=x",
    "name=a,mac-address=x",
    "name=a,link-local-ip=x",
    "name=a,driver-opt=x",
    "name=a,gw-priority=x",
    'name=a,"alias=x',
    "name=a,__proto__=x",
  ])("refuses %j", (text) => {
    expect(() => parseNetwork(text)).toThrow(usage);
  });
});

describe("addresses and names", () => {
  it.each(["02:42:ac:11:00:02", "02-42-AC-11-00-02", "0242.ac11.0002", "02:42:ac:11:00:02:aa:bb"])(
    "takes the MAC address %s",
    (text) => {
      expect(checkMac(text, "mac-address")).toBe(text);
    },
  );

  it.each(["", "x", "02:42", "02:42:ac:11:00", "02:42-ac:11:00:02", "0242ac110002"])(
    "refuses the MAC address %j",
    (text) => {
      expect(() => checkMac(text, "mac-address")).toThrow(usage);
    },
  );

  it.each([
    ["1.2.3.4", "ip", true],
    ["::1", "ip", false],
    ["::1", "ip6", true],
    ["1.2.3.4", "ip6", false],
    ["::1", "dns", true],
    [" 1.2.3.4", "dns", true],
    ["1.2.3", "dns", false],
  ])("%s as --%s: %s", (text, option, isRight) => {
    if (isRight) expect(checkIp(text, option)).toBe(text.trim());
    else expect(() => checkIp(text, option)).toThrow(usage);
  });

  it.each([".", "cats.test", "cats", "a-b.c1"])("searches %s", (text) => {
    expect(checkSearchDomain(text)).toBe(text);
  });

  it.each(["", "a b", "-a", "a-", "1.2", "a..b", "a".repeat(256)])("not %j", (text) => {
    expect(() => checkSearchDomain(text)).toThrow(usage);
  });

  it.each(["a", "a:b", "a:", "/a:b"])("links %s", (text) => {
    expect(checkLink(text)).toBe(text);
  });

  it.each(["", ":a", "a:b:c"])("not %j", (text) => {
    expect(() => checkLink(text)).toThrow(usage);
  });
});

describe("networks of a container", () => {
  const cases: [ContainerOptions, object][] = [
    [{}, { networkMode: undefined, endpoints: {} }],
    [{ network: "cats" }, { networkMode: "cats", endpoints: {} }],
    [{ network: ["a", "b"] }, { networkMode: "a", endpoints: { a: {}, b: {} } }],
    [
      { network: "cats", networkAlias: ["x"], ip: "1.2.3.4" },
      { endpoints: { cats: { Aliases: ["x"], IPAMConfig: { IPv4Address: "1.2.3.4" } } } },
    ],
    [
      { ip: "1.2.3.4" },
      {
        networkMode: "default",
        endpoints: { default: { IPAMConfig: { IPv4Address: "1.2.3.4" } } },
      },
    ],
    [{ link: ["db"] }, { networkMode: undefined, endpoints: {}, links: ["db"] }],
    [
      { network: "cats", link: ["db"] },
      { endpoints: { cats: { Links: ["db"] } }, links: ["db"] },
    ],
    [
      { network: "bridge", link: ["db"] },
      { endpoints: {}, links: ["db"] },
    ],
    [
      { network: ["a", "name=b,alias=c"], networkAlias: ["x"] },
      { endpoints: { a: { Aliases: ["x"] }, b: { Aliases: ["c"] } } },
    ],
  ];
  it.each(cases)("%o", (options, expected) => {
    expect(networkingOf(options)).toMatchObject(expected);
  });

  const refused: ContainerOptions[] = [
    { network: ["a", "a"] },
    { network: ["a", "host"] },
    { network: ["none", "a"] },
    { networkAlias: ["x"] },
    { network: "host", networkAlias: ["x"] },
    { network: "name=host,alias=x" },
    { network: "name=a,alias=b", networkAlias: ["c"] },
    { network: "name=a,ip=1.2.3.4", ip: "1.2.3.5" },
    { network: "name=a,ip6=::1", ip6: "::2" },
    { network: "name=a,link-local-ip=169.254.0.1", linkLocalIp: ["169.254.0.2"] },
    { network: "name=a,mac-address=02:42:ac:11:00:02", macAddress: "02:42:ac:11:00:03" },
  ];
  it.each(refused)("refuses %o", (options) => {
    expect(() => networkingOf(options)).toThrow(conflict);
  });
});
