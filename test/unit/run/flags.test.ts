import { describe, expect, it } from "vitest";

import { parseEnv, parseEnvFile } from "../../../src/run/flags/environment.ts";
import { parseRestart, parseUlimits, restarts } from "../../../src/run/flags/limits.ts";
import { parseMount } from "../../../src/run/flags/mounts.ts";
import { parsePorts } from "../../../src/run/flags/ports.ts";

const usage = expect.objectContaining({ code: "USAGE", exitCode: 2 }) as Error;

describe("--publish", () => {
  it.each([
    ["80", { "80/tcp": [{ HostIp: "", HostPort: "" }] }],
    ["8080:80", { "80/tcp": [{ HostIp: "", HostPort: "8080" }] }],
    ["127.0.0.1::80", { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] }],
    ["[::1]:8080:80/UDP", { "80/udp": [{ HostIp: "::1", HostPort: "8080" }] }],
    ["8000-8010:80", { "80/tcp": [{ HostIp: "", HostPort: "8000-8010" }] }],
    [
      "90-91:80-81",
      {
        "80/tcp": [{ HostIp: "", HostPort: "90" }],
        "81/tcp": [{ HostIp: "", HostPort: "91" }],
      },
    ],
  ])("%s", (spec, bindings) => {
    expect(parsePorts([spec]).PortBindings).toEqual(bindings);
  });

  it("collects several bindings of one port", () => {
    expect(parsePorts(["1:80", "2:80"]).PortBindings["80/tcp"]).toHaveLength(2);
  });

  it.each([
    ["target=80,published=8080,protocol=udp", { "80/udp": [{ HostIp: "", HostPort: "8080" }] }],
    ["target=80", { "80/tcp": [{ HostIp: "", HostPort: "" }] }],
  ])("long: %s", (spec, bindings) => {
    expect(parsePorts([spec]).PortBindings).toEqual(bindings);
  });

  it("exposes without publishing", () => {
    const ports = parsePorts(["80"], ["81", "90-91/UDP", "92/", "80"]);
    expect(Object.keys(ports.ExposedPorts)).toEqual([
      "80/tcp",
      "81/tcp",
      "90/udp",
      "91/udp",
      "92/tcp",
    ]);
    expect(Object.keys(ports.PortBindings)).toEqual(["80/tcp"]);
  });

  it.each(["", "x", "80:81", "90-80", "70000", "80/t/u"])("refuses --expose %j", (spec) => {
    expect(() => parsePorts([], [spec])).toThrow(usage);
  });

  it.each([
    "",
    "x",
    "70000",
    "80/http",
    "90-80:80",
    "1-2:3-5",
    "1:2:3:4",
    "-",
    "1.2.3:80:80",
    "target=x",
    "target",
    "=80",
    "target=80,published",
  ])("refuses %j", (spec) => {
    expect(() => parsePorts([spec])).toThrow(usage);
  });
});

describe("--ulimit and --restart", () => {
  it.each([
    ["nofile=1024", { Name: "nofile", Soft: 1024, Hard: 1024 }],
    ["core=0:-1", { Name: "core", Soft: 0, Hard: -1 }],
    ["core=-1", { Name: "core", Soft: -1, Hard: -1 }],
  ])("%s", (text, limit) => {
    expect(parseUlimits([text])).toEqual([limit]);
  });

  it("lets the last limit of a name hold", () => {
    expect(parseUlimits(["nofile=1", "core=2", "nofile=3"])).toEqual([
      { Name: "nofile", Soft: 3, Hard: 3 },
      { Name: "core", Soft: 2, Hard: 2 },
    ]);
  });

  it.each(["nofile", "nofile=", "nofile=x", "cats=1", "nofile=2:1", "nofile=-1:1"])(
    "refuses %j",
    (text) => {
      expect(() => parseUlimits([text])).toThrow(usage);
    },
  );

  it.each([
    ["no", { Name: "no", MaximumRetryCount: 0 }, false],
    ["", { Name: "", MaximumRetryCount: 0 }, false],
    ["always", { Name: "always", MaximumRetryCount: 0 }, true],
    ["unless-stopped", { Name: "unless-stopped", MaximumRetryCount: 0 }, true],
    ["on-failure:3", { Name: "on-failure", MaximumRetryCount: 3 }, true],
  ])("%j", (text, policy, again) => {
    expect(parseRestart(text)).toEqual(policy);
    expect(restarts(parseRestart(text))).toBe(again);
  });

  it.each(["never", "always:3", "on-failure:x", "on-failure:-1"])("refuses %j", (text) => {
    expect(() => parseRestart(text)).toThrow(usage);
  });
});

describe("--mount", () => {
  it.each([
    ["target=/a", { Type: "volume", Target: "/a" }],
    [
      "type=bind,src=./x,dst=/a,readonly",
      { Type: "bind", Source: "/srv/x", Target: "/a", ReadOnly: true },
    ],
    [
      "type=bind,source=/x,destination=/a,ro=false,bind-propagation=rslave",
      {
        Type: "bind",
        Source: "/x",
        Target: "/a",
        ReadOnly: false,
        BindOptions: { Propagation: "rslave" },
      },
    ],
    [
      '"type=volume","source=a,b",target=/a,volume-nocopy,volume-label=k=v,volume-subpath=s',
      {
        Type: "volume",
        Source: "a,b",
        Target: "/a",
        VolumeOptions: { NoCopy: true, Labels: { k: "v" }, Subpath: "s" },
      },
    ],
    [
      'target=/a,volume-driver=local,"volume-opt=o=size=1,mode=700",volume-opt=type=tmpfs',
      {
        Type: "volume",
        Target: "/a",
        VolumeOptions: {
          DriverConfig: { Name: "local", Options: { o: "size=1,mode=700", type: "tmpfs" } },
        },
      },
    ],
    [
      "type=tmpfs,target=/a,tmpfs-size=1m,tmpfs-mode=1770",
      { Type: "tmpfs", Target: "/a", TmpfsOptions: { SizeBytes: 1_048_576, Mode: 0o1770 } },
    ],
  ])("%s", (spec, mount) => {
    expect(parseMount(spec, "/srv")).toEqual(mount);
  });

  it.each([
    [
      "type=bind,src=/x,dst=/a,ro,bind-recursive=readonly,bind-propagation=RPRIVATE",
      { ReadOnlyForceRecursive: true, Propagation: "rprivate" },
    ],
    ["type=bind,src=/x,dst=/a,ro,bind-recursive=writable", { ReadOnlyNonRecursive: true }],
    ["type=bind,src=/x,dst=/a,bind-recursive=disabled", { NonRecursive: true }],
    ["type=bind,src=/x,dst=/a,bind-recursive=enabled", undefined],
  ])("%s", (spec, options) => {
    expect(parseMount(spec, "/srv").BindOptions).toEqual(options);
  });

  it("mounts an image, or a part of it", () => {
    expect(parseMount("type=image,src=cats:1,dst=/a,image-subpath=x", "/")).toEqual({
      Type: "image",
      Source: "cats:1",
      Target: "/a",
      ImageOptions: { Subpath: "x" },
    });
  });

  it.each([
    "type=bind,src=/x,dst=/a,volume-nocopy",
    "type=volume,dst=/a,tmpfs-size=1",
    "type=tmpfs,dst=/a,image-subpath=x",
    "type=tmpfs,dst=/a,bind-recursive=disabled",
    "type=bind,src=/x,dst=/a,bind-recursive=maybe",
    "type=bind,src=/x,dst=/a,bind-recursive=writable",
    "type=bind,src=/x,dst=/a,ro,bind-recursive=readonly",
    "",
    "type=cats,target=/a",
    "source=/x",
    "target=a",
    "target",
    "what=1,target=/a",
    "constructor=1,target=/a",
    "ro=maybe,target=/a",
    "tmpfs-mode=9,target=/a",
    "type=tmpfs,source=x,target=/a",
    'target=/a,"x',
  ])("refuses %j", (spec) => {
    expect(() => parseMount(spec, "/srv")).toThrow(usage);
  });
});

describe("--env and --env-file", () => {
  const env = { HOME: "/home/cat" };

  it.each([
    ["A=b=c", { name: "A", value: "b=c" }],
    ["A=", { name: "A", value: "" }],
    ["HOME", { name: "HOME", value: "/home/cat" }],
    ["NOT_THERE", { name: "NOT_THERE", value: null }],
  ])("%s", (text, variable) => {
    expect(parseEnv(text, env)).toEqual(variable);
  });

  it("refuses an empty name without quoting the value", () => {
    expect(() => parseEnv("=hunter2canary", env)).toThrow(usage);
    expect(() => parseEnv("=hunter2canary", env)).not.toThrow(/hunter2/);
  });

  it("reads a file as docker does", () => {
    const text = "\uFEFF# comment\r\n\n  A=1 2 \r\nHOME\nNOT_THERE\nB='q'\nC=#no comment\n\tD=\n";
    const variables = parseEnvFile("f", Buffer.from(text), env);
    expect(variables).toEqual([
      { name: "A", value: "1 2 " },
      { name: "HOME", value: "/home/cat" },
      { name: "B", value: "'q'" },
      { name: "C", value: "#no comment" },
      { name: "D", value: "" },
    ]);
  });

  it.each([
    ["A=1\n=hunter2canary\n", 2],
    ["hunter2 canary=1", 1],
  ])("names file and line of a bad one, never the text", (text, line) => {
    expect(() => parseEnvFile("f", Buffer.from(text), env)).toThrow(
      expect.objectContaining({ code: "USAGE", place: { file: "f", line } }),
    );
    expect(() => parseEnvFile("f", Buffer.from(text), env)).not.toThrow(/hunter2/);
  });

  it("refuses bytes that are no text", () => {
    expect(() => parseEnvFile("f", Buffer.from([0x41, 0x3d, 0xff]), env)).toThrow(usage);
  });
});
