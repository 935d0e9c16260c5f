import { posix } from "node:path";
import { extract } from "tar-stream";
import { describe, expect, it } from "vitest";

import { chooseDelivery, shiftsUsers } from "../../../src/docker/delivery-choice.ts";
import { Cleanup } from "../../../src/run/cleanup.ts";
import type { FileToDeliver } from "../../../src/run/delivery/delivery.ts";
import { storeLayout, volumeSize } from "../../../src/run/delivery/layout.ts";
import {
  type FolderFacts,
  placeFiles,
  placeInFolders,
} from "../../../src/run/delivery/placement.ts";
import { packGeneration, packStore } from "../../../src/run/delivery/tar.ts";
import { appMount, refuseHidden, volumesOf } from "../../../src/run/delivery/volumes.ts";
import { Secret } from "../../../src/secret/secret.ts";

function file(name: string, path: string, size = 4): FileToDeliver {
  const value = Secret.take(name, Buffer.alloc(size, 97));
  return { name, path, mode: 0o440, ownFolder: false, value };
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
    [["name=seccomp,profile=builtin", "name=userns"], "", true],
    [["name=seccomp,profile=builtin", "name=userns"], "host", false],
    [["name=rootless", "name=cgroupns"], "", true],
    [["name=rootless", "name=cgroupns"], "host", true],
    [["name=seccomp,profile=default", "name=cgroupns"], "", false],
    [null, "", false],
  ])("%o with --userns %j shifts users: %s", (options, userns, shifts) => {
    expect(shiftsUsers(options, userns)).toBe(shifts);
  });
});

const ABSENT: FolderFacts = { absent: true, names: [], mounted: false };
const EMPTY: FolderFacts = { ...ABSENT, absent: false };

describe("placeFiles", () => {
  interface PlacementCase {
    readonly title: string;
    readonly paths: readonly string[];
    readonly known?: Readonly<Record<string, FolderFacts>>;
    readonly folders?: Readonly<Record<string, readonly string[]>>;
    readonly singles?: readonly string[];
  }
  const key = "/run/secrets/A";
  const whole = { "/run/secrets": ["A"] };

  it.each<PlacementCase>([
    { title: "the default folder", paths: [key], folders: whole },
    { title: "there and empty", paths: [key], known: { "/run/secrets": EMPTY }, folders: whole },
    {
      title: "with files of the image",
      paths: [key],
      known: { "/run/secrets": { ...EMPTY, names: ["x"] } },
      singles: [key],
    },
    {
      title: "mounted by the user",
      paths: [key],
      known: { "/run/secrets": { ...ABSENT, mounted: true } },
      singles: [key],
    },
    { title: "not in the image", paths: ["/etc/x/c"], folders: { "/etc/x": ["c"] } },
    {
      title: "of others, though empty",
      paths: ["/srv/c"],
      known: { "/srv": EMPTY },
      singles: ["/srv/c"],
    },
    { title: "a dot folder", paths: ["/root/.aws/c"], singles: ["/root/.aws/c"] },
    { title: "the root folder", paths: ["/c"], singles: ["/c"] },
    {
      title: "folders in folders",
      paths: ["/run/secrets/tls/k", key, "/run/secretsB/c"],
      folders: { "/run/secrets": ["tls/k", "A"], "/run/secretsB": ["c"] },
    },
  ])("$title", ({ paths, known = {}, folders = {}, singles = [] }) => {
    const placed = paths.map((path) => ({ path, ownFolder: path.startsWith("/run/secrets/") }));
    const facts = new Map(
      paths.map((path) => [posix.dirname(path), known[posix.dirname(path)] ?? ABSENT]),
    );
    const placement = placeFiles(placed, facts);
    expect(
      Object.fromEntries(
        placement.folders.map(({ target, files }) => [target, files.map(({ path }) => path)]),
      ),
    ).toEqual(folders);
    expect(placement.singles.map(({ target }) => target)).toEqual(singles);
    const all = [
      ...placement.folders.flatMap(({ target, files }) =>
        files.map((placedFile) => `${target}/${placedFile.path} ${placedFile.file}`),
      ),
      ...placement.singles.map(({ target, file: index }) => `${target} ${index}`),
    ];
    expect(all.toSorted()).toEqual(paths.map((path, index) => `${path} ${index}`).toSorted());
  });

  it("puts everything into folders where an engine mounts nothing else", () => {
    const files = [file("A", "/etc/a"), file("B", "/etc/x/b")];
    const { folders, singles } = placeInFolders(files);
    expect(folders.map(({ target }) => target)).toEqual(["/etc"]);
    expect(singles).toEqual([]);
  });
});

describe("volumes", () => {
  const files = [file("A", "/run/secrets/A"), file("C", "/etc/c"), file("D", "/opt/new/d", 5000)];
  const facts = new Map([
    ["/run/secrets", ABSENT],
    ["/etc", EMPTY],
    ["/opt/new", ABSENT],
  ]);

  it("are one, mounted in parts, where the engine can", () => {
    const layout = storeLayout(placeFiles(files, facts));
    const volumes = volumesOf("r1", null, volumeSize(files));
    expect(volumes).toEqual([
      {
        name: "sealmount-r1-0",
        key: null,
        path: "/.sealmount",
        bytes: 2 * (262_144 + 3 * 4096 + 4096 * 4),
      },
    ]);
    const mounts = [...layout.folders, ...layout.singles].map((part) => appMount(volumes, part));
    expect(mounts.map(({ Target, VolumeOptions }) => [Target, VolumeOptions?.["Subpath"]])).toEqual(
      [
        ["/run/secrets", "m0"],
        ["/opt/new", "m1"],
        ["/etc/c", "f0"],
      ],
    );
    expect(
      mounts.every(({ ReadOnly, VolumeOptions }) => ReadOnly && VolumeOptions?.["NoCopy"]),
    ).toBe(true);
  });

  it("are one for each folder where it can't", () => {
    const layout = storeLayout(placeInFolders(files));
    const volumes = volumesOf("r1", layout, 1);
    expect(volumes.map(({ key, path }) => [key, path])).toEqual([
      ["m0", "/.sealmount/m0"],
      ["m1", "/.sealmount/m1"],
      ["m2", "/.sealmount/m2"],
    ]);
    const mounts = layout.folders.map((part) => appMount(volumes, part));
    expect(
      mounts.map(({ Source, Target, VolumeOptions }) => [Source, Target, VolumeOptions]),
    ).toEqual(
      ["/run/secrets", "/etc", "/opt/new"].map((target, index) => [
        `sealmount-r1-${index}`,
        target,
        { NoCopy: true },
      ]),
    );
  });

  it.each([
    ["files of the image would vanish", { names: ["passwd"] }],
    ["the user mounts something there", { mounted: true }],
  ])("refuse where %s", (_title, fact) => {
    const known = new Map([...facts, ["/etc", { ...EMPTY, ...fact }] as const]);
    expect(() => refuseHidden(files, known)).toThrow(
      expect.objectContaining({ code: "DELIVERY_PATH" }),
    );
    expect(() => refuseHidden(files, facts)).not.toThrow();
  });
});

describe("packStore", () => {
  const files = [
    file("A", "/run/secrets/A"),
    file("B", "/run/secrets/t/B", 0),
    file("C", "/etc/c"),
  ];
  const placement = placeFiles(
    files.map(({ path }) => ({ path, ownFolder: path.startsWith("/run") })),
    new Map([
      ["/run/secrets", ABSENT],
      ["/run/secrets/t", ABSENT],
      ["/etc", EMPTY],
    ]),
  );
  const owners = [
    { uid: 1234, gid: 2345 },
    { uid: 0, gid: 0 },
    { uid: 7, gid: 8 },
  ];

  async function entriesOf(tar: Buffer): Promise<string[]> {
    const found: string[] = [];
    const unpack = extract();
    unpack.end(tar);
    for await (const entry of unpack) {
      const { name, type, mode, uid, gid, linkname, size } = entry.header;
      const owned = `${mode.toString(8)} ${uid}:${gid} ${size}`;
      const end = { symlink: `-> ${linkname}`, link: `${owned} -> ${linkname}` }[type as string];
      found.push(`${type} ${name} ${end ?? owned}`);
      entry.resume();
    }
    return found;
  }

  it("lays out generation, links and, last, what points to it", async () => {
    const tar = await packStore(storeLayout(placement), { files, owners, note: "note" }, "..a");
    expect(await entriesOf(tar)).toEqual([
      "file f0 440 7:8 4",
      "directory m0 755 0:0 0",
      "directory m0/..a 755 0:0 0",
      "directory m0/..a/t 755 0:0 0",
      "file m0/..a/A 440 1234:2345 4",
      "file m0/..a/t/B 440 0:0 0",
      "file m0/..a/..state 400 0:0 4",
      "directory m0/t 755 0:0 0",
      "link m0/A 440 1234:2345 0 -> m0/..a/A",
      "link m0/t/B 440 0:0 0 -> m0/..a/t/B",
      "symlink m0/..data -> ..a",
    ]);
    expect(tar.includes("aaaa")).toBe(true);
    tar.fill(0);
    expect(files[0]?.value.use((bytes) => bytes.toString())).toBe("aaaa");
  });

  it("packs a generation, and what puts it in place, for a refresh", async () => {
    const content = { files, owners, note: "" };
    const tar = await packGeneration(storeLayout(placement), content, () => "..b");
    expect(await entriesOf(tar)).toEqual([
      "directory m0/..b 755 0:0 0",
      "directory m0/..b/t 755 0:0 0",
      "file m0/..b/A 440 1234:2345 4",
      "file m0/..b/t/B 440 0:0 0",
      "file m0/..b/..state 400 0:0 0",
      "directory m0/..new 755 0:0 0",
      "directory m0/..new/t 755 0:0 0",
      "link m0/..new/A 440 1234:2345 0 -> m0/..b/A",
      "link m0/..new/t/B 440 0:0 0 -> m0/..b/t/B",
      "symlink m0/..new/..data -> ..b",
    ]);
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
