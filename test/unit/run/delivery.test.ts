import { describe, expect, it } from "vitest";

import { chooseDelivery, shiftsUsers } from "../../../src/docker/delivery-choice.ts";
import { Cleanup } from "../../../src/run/cleanup.ts";
import type { FileToDeliver } from "../../../src/run/delivery/delivery.ts";
import { layOut } from "../../../src/run/delivery/layout.ts";
import { packFiles } from "../../../src/run/delivery/tar.ts";
import { Secret } from "../../../src/secret/secret.ts";

function file(name: string, path: string, size = 4): FileToDeliver {
  return { name, path, mode: 0o440, value: Secret.take(name, Buffer.alloc(size, 97)) };
}

describe("chooseDelivery", () => {
  const good = { local: true, shiftsUsers: false, root: "/dev/shm/x", mayChown: true };

  it.each([
    [{}, "bind"],
    [{ local: false }, "volume"],
    [{ shiftsUsers: true }, "volume"],
    [{ root: null }, "volume"],
    [{ mayChown: false }, "volume"],
  ])("%o", (change, kind) => {
    const choice = chooseDelivery({ ...good, ...change });
    expect(choice.kind).toBe(kind);
    expect(choice.why).not.toBe("");
  });

  it.each([
    [["name=seccomp,profile=builtin", "name=userns"], true],
    [["name=rootless", "name=cgroupns"], true],
    [["name=seccomp,profile=default", "name=cgroupns"], false],
    [null, false],
  ])("%o shifts users: %s", (options, shifts) => {
    expect(shiftsUsers(options)).toBe(shifts);
  });
});

describe("layOut", () => {
  const files = [
    file("A", "/run/secrets/A"),
    file("B", "/run/secrets/B"),
    file("C", "/etc/x/c", 5000),
  ];

  it("mounts single files of one volume where the engine can", () => {
    const layout = layOut("r1", files, true);
    expect(layout.volumes).toEqual([
      { name: "sealmount-r1-0", key: "0", mode: "0711", bytes: 65_536 + 3 * 4096 + 4096 * 4 },
    ]);
    expect(layout.names).toEqual(["0/0", "0/1", "0/2"]);
    expect(layout.mounts[2]).toEqual({
      Type: "volume",
      Source: "sealmount-r1-0",
      Target: "/etc/x/c",
      ReadOnly: true,
      VolumeOptions: { NoCopy: true, Subpath: "2" },
    });
  });

  it("makes a volume of every folder where it can't", () => {
    const layout = layOut("r1", files, false);
    expect(layout.names).toEqual(["0/A", "0/B", "1/c"]);
    expect(layout.mounts).toEqual(
      ["/run/secrets", "/etc/x"].map((target, index) => ({
        Type: "volume",
        Source: `sealmount-r1-${index}`,
        Target: target,
        ReadOnly: true,
        VolumeOptions: { NoCopy: true },
      })),
    );
  });

  it("names no secret in what the engine keeps", () => {
    const names = JSON.stringify(layOut("r1", files, true).names);
    expect(names).not.toMatch(/[ABC]/);
  });
});

describe("packFiles", () => {
  it("carries owner, mode and bytes, and can be wiped", async () => {
    const files = [file("A", "/a"), file("B", "/b", 0)];
    const owners = [
      { uid: 1234, gid: 2345 },
      { uid: 0, gid: 0 },
    ];
    const tar = await packFiles(files, owners, layOut("r", files, true));
    // ustar: mode, uid and gid in octal at offset 100
    expect(tar.toString("latin1", 100, 124).match(/[0-7]+/g)).toEqual([
      "000440",
      "002322",
      "004451",
    ]);
    expect(tar.includes("aaaa")).toBe(true);
    tar.fill(0);
    expect(files[0]?.value.use((bytes) => bytes.toString())).toBe("aaaa");
  });
});

describe("Cleanup", () => {
  it("runs last first, each once, whatever fails, and tells what is left", async () => {
    const order: string[] = [];
    const cleanup = new Cleanup();
    const add = (name: string, fails = false): ReturnType<Cleanup["add"]> =>
      cleanup.add(name, async () => {
        order.push(name);
        if (fails) throw new Error(name);
      });
    add("a");
    add("b", true);
    const c = add("c");
    const d = add("d");
    cleanup.forget(c);
    await cleanup.run(d);
    expect(await cleanup.runAll()).toEqual(["b"]);
    expect(await cleanup.runAll()).toEqual([]);
    expect(order).toEqual(["d", "b", "a"]);
  });
});
