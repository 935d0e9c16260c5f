import { describe, expect, it } from "vitest";

import { targetsOf, toCreateBody } from "../../../src/run/create-body.ts";
import type { ContainerOptions } from "../../../src/run/options.ts";

const context = { image: "cats", command: [], cwd: "/srv" };

/** The streams part that every attached container has. */
const ATTACHED = {
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  AttachStdin: false,
  AttachStdout: true,
  AttachStderr: true,
};

function bodyOf(options: ContainerOptions): object {
  return toCreateBody(options, context);
}

describe("toCreateBody", () => {
  it("sends nothing that was not asked for", () => {
    expect(bodyOf({})).toEqual({ Image: "cats", ...ATTACHED, HostConfig: {} });
  });

  it("passes the command on, and only a command", () => {
    expect(toCreateBody({}, { ...context, command: ["a", ""] })).toMatchObject({ Cmd: ["a", ""] });
    expect(bodyOf({})).not.toHaveProperty("Cmd");
  });

  const container: [ContainerOptions, object][] = [
    [{ hostname: "tabby" }, { Hostname: "tabby" }],
    [{ user: "1:2" }, { User: "1:2" }],
    [{ workdir: "/srv" }, { WorkingDir: "/srv" }],
    [{ entrypoint: "/bin/sh" }, { Entrypoint: ["/bin/sh"] }],
    [{ entrypoint: "" }, { Entrypoint: [""] }],
    [{ stopSignal: "SIGINT" }, { StopSignal: "SIGINT" }],
    [{ label: ["a=1", "b", "c=x=y"] }, { Labels: { a: "1", b: "", c: "x=y" } }],
    [{ tty: true }, { Tty: true }],
    [{ interactive: true }, { OpenStdin: true, StdinOnce: true, AttachStdin: true }],
    [
      { interactive: true, detach: true },
      {
        OpenStdin: true,
        StdinOnce: false,
        AttachStdin: false,
        AttachStdout: false,
        AttachStderr: false,
      },
    ],
    [{ volume: ["/data"] }, { Volumes: { "/data": {} } }],
    [{ publish: ["80"] }, { ExposedPorts: { "80/tcp": {} } }],
  ];
  it.each(container)("%o", (options, expected) => {
    expect(bodyOf(options)).toMatchObject(expected);
  });

  const host: [ContainerOptions, object][] = [
    [{ rm: true }, { AutoRemove: true }],
    [{ init: true }, { Init: true }],
    [{ readOnly: true }, { ReadonlyRootfs: true }],
    [
      { capAdd: ["NET_ADMIN"], capDrop: ["ALL"] },
      { CapAdd: ["NET_ADMIN"], CapDrop: ["ALL"] },
    ],
    [{ network: "host" }, { NetworkMode: "host" }],
    [{ publishAll: true }, { PublishAllPorts: true }],
    [{ memory: "512m" }, { Memory: 536_870_912 }],
    [{ cpus: "1.5" }, { NanoCpus: 1_500_000_000 }],
    [{ ulimit: ["nofile=1:2"] }, { Ulimits: [{ Name: "nofile", Soft: 1, Hard: 2 }] }],
    [{ restart: "always" }, { RestartPolicy: { Name: "always", MaximumRetryCount: 0 } }],
    [{ addHost: ["a:::1"] }, { ExtraHosts: ["a:::1"] }],
    [{ tmpfs: ["/t", "/u:size=1m,ro"] }, { Tmpfs: { "/t": "", "/u": "size=1m,ro" } }],
    [
      { volume: ["./x:/x:ro", "/a:/b", "name:/c"] },
      { Binds: ["/srv/x:/x:ro", "/a:/b", "name:/c"] },
    ],
    [
      { publish: ["127.0.0.1:8080:80/udp"] },
      { PortBindings: { "80/udp": [{ HostIp: "127.0.0.1", HostPort: "8080" }] } },
    ],
    [
      { securityOpt: ["no-new-privileges", "apparmor:unconfined", "label=disable"] },
      { SecurityOpt: ["no-new-privileges", "apparmor:unconfined", "label=disable"] },
    ],
  ];
  it.each(host)("HostConfig of %o", (options, expected) => {
    expect(toCreateBody(options, context).HostConfig).toEqual(expected);
  });

  it("puts the contents of a seccomp profile in place of its path", () => {
    const profiles = new Map([["p.json", '{"a":1}']]);
    const body = toCreateBody({ securityOpt: ["seccomp=p.json"] }, { ...context, profiles });
    expect(body.HostConfig.SecurityOpt).toEqual(['seccomp={"a":1}']);
    const plain = toCreateBody({ securityOpt: ["seccomp:unconfined"] }, context);
    expect(plain.HostConfig.SecurityOpt).toEqual(["seccomp:unconfined"]);
  });

  const refused: [ContainerOptions, string][] = [
    [{ rm: true, restart: "always" }, "USAGE_CONFLICT"],
    [{ detach: true, attach: ["stdout"] }, "USAGE_CONFLICT"],
    [{ noHealthcheck: true, healthCmd: "x" }, "USAGE_CONFLICT"],
    [{ network: ["a", "host"] }, "USAGE_CONFLICT"],
    [{ logDriver: "none", logOpt: ["a=b"] }, "USAGE_CONFLICT"],
    [{ detachKeys: "what" }, "USAGE"],
    [{ stopTimeout: "x" }, "USAGE"],
    [{ memorySwappiness: "101" }, "USAGE"],
    [{ label: ["=x"] }, "USAGE"],
    [{ label: ["sealmount.run=1"] }, "USAGE"],
    [{ volume: [":/x"] }, "USAGE"],
    [{ volume: ["/a:/b:ro:x"] }, "USAGE"],
    [{ volume: ["a:b"] }, "USAGE"],
    [{ securityOpt: ["what"] }, "USAGE"],
    [{ addHost: ["a:b"] }, "USAGE"],
    [{ addHost: [":1.2.3.4"] }, "USAGE"],
  ];
  it.each(refused)("refuses %o", (options, code) => {
    expect(() => bodyOf(options)).toThrow(expect.objectContaining({ code }));
  });

  it("lets a host network and a port stand together, as docker does", () => {
    expect(bodyOf({ network: "host", publish: ["80:80"] })).toMatchObject({
      HostConfig: { NetworkMode: "host", PortBindings: { "80/tcp": [{}] } },
    });
  });

  it("puts a MAC address where the engine's API has a place for it", () => {
    const macAddress = "02:42:ac:11:00:02";
    expect(toCreateBody({ macAddress }, { ...context, api: "1.43" })).toMatchObject({
      MacAddress: macAddress,
      HostConfig: {},
    });
    const body = toCreateBody({ macAddress }, { ...context, api: "1.44" });
    expect(body).not.toHaveProperty("MacAddress");
    expect(body.NetworkingConfig?.EndpointsConfig).toEqual({ default: { MacAddress: macAddress } });
  });

  it("lets --rm and --restart=no stand together", () => {
    expect(() => bodyOf({ rm: true, restart: "no" })).not.toThrow();
  });

  it("lists the targets of the user's own mounts", () => {
    const options = {
      volume: ["/v", "a:/w/"],
      tmpfs: ["/t:ro"],
      mount: ["type=tmpfs,target=/m//n"],
    };
    expect(targetsOf(options, "/")).toEqual(["/v", "/w", "/m/n", "/t"]);
  });
});
