/** Archives, folders, registries and containers as real tools make them. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { parsePlatform } from "../../src/docker/platform.ts";
import { parseReference } from "../../src/docker/reference.ts";
import { Secret } from "../../src/secret/secret.ts";
import { verdictOf } from "../../src/verify/model.ts";
import type { VerifyReport } from "../../src/verify/model.ts";
import { archiveFile, archiveStream } from "../../src/verify/sources/archive.ts";
import { containerSource } from "../../src/verify/sources/container.ts";
import { engineImage } from "../../src/verify/sources/engine.ts";
import { layoutFolder } from "../../src/verify/sources/layout.ts";
import { registryImage } from "../../src/verify/sources/registry.ts";
import type { ImageSource } from "../../src/verify/sources/source.ts";
import { verify } from "../../src/verify/verify.ts";
import { dockerCli, dockerOut, engineHost } from "../engine/current.ts";
import { makeWorld } from "../support/temp.ts";
import type { World } from "../support/temp.ts";
import { dockerConfig } from "./pull-harness.ts";
import { pushRegistry } from "./push-registry.ts";

const run = promisify(execFile);
const IMAGE = `smtest-sources-${process.pid}`;
const DELETED = `deleted-${randomBytes(12).toString("hex")}`;
const KEPT = `kept-${randomBytes(12).toString("hex")}`;
const LABEL = `label-${randomBytes(12).toString("hex")}`;
const SECRETS = { DELETED, KEPT, LABEL };

const DOCKERFILE = `FROM busybox:local
COPY secrets /secrets
RUN rm /secrets/deleted
LABEL org.example.token=${LABEL}
`;

let engine: Engine;
let world: World;
let image: VerifyReport;

const search = async (source: ImageSource): Promise<VerifyReport> =>
  verify(
    source,
    Object.entries(SECRETS).map(([name, value]) => Secret.take(name, Buffer.from(value))),
  ).report();

/** What was found where, without what differs from source to source. */
const placesOf = ({ findings }: VerifyReport): (string | boolean | undefined)[][] =>
  findings.map(({ secret, where, path, deleted }) => [secret, where, path, deleted]);

const LAYER_PLACES = [
  ["DELETED", "layer", "/secrets/deleted", true],
  ["KEPT", "layer", "/secrets/kept", undefined],
];

const saved = async (name: string): Promise<string> => {
  const path = join(world.cwd, name);
  await dockerOut(["save", "-o", path, IMAGE]);
  return path;
};

beforeAll(async () => {
  engine = await Engine.connect(await resolveEndpoint({ host: engineHost(), env: {}, home: "/" }));
  world = await makeWorld();
  await world.write("secrets/deleted", `x ${DELETED} x`);
  await world.write("secrets/kept", `x ${KEPT} x`);
  await world.write("Dockerfile", DOCKERFILE);
  await dockerOut(["build", "-q", "--network=none", "-t", IMAGE, "."], { cwd: world.cwd });
  image = await search(engineImage(engine, IMAGE));
});

afterAll(async () => {
  await dockerCli(["rmi", "-f", IMAGE]);
  await world[Symbol.asyncDispose]();
});

describe("archives", () => {
  it("docker save, as it is and compressed as a whole, from a file and a stream", async () => {
    const path = await saved("saved.tar");
    const plain = await search(archiveFile(path));
    expect(plain.unseen).toEqual([]);
    expect(placesOf(plain)).toEqual(placesOf(image));
    expect(plain.configs).toEqual(image.configs);
    const bytes = await readFile(path);
    for (const [name, compress] of [
      ["saved.tar.gz", gzipSync],
      ["saved.tar.zst", zstdCompressSync],
    ] as const) {
      const compressed = await world.write(name, compress(bytes));
      const report = await search(archiveStream(createReadStream(compressed), path));
      expect(report).toEqual(plain);
    }
  });

  it("damaged is never clean, wherever it is cut", async () => {
    const bytes = await readFile(await saved("whole.tar"));
    for (let i = 1; i < 20; i++) {
      const length = Math.floor((bytes.length * i) / 20);
      const path = await world.write("cut.tar", bytes.subarray(0, length));
      expect(["leak", "incomplete"]).toContain(verdictOf(await search(archiveFile(path))));
      expect((await search(archiveFile(path))).unseen).not.toEqual([]);
    }
  });

  it("docker export and --output type=tar: merged files, and said so", async () => {
    const container = (await dockerOut(["create", IMAGE])).trim();
    const exported = join(world.cwd, "exported.tar");
    try {
      await dockerOut(["export", "-o", exported, container]);
    } finally {
      await dockerCli(["rm", "-f", container]);
    }
    const built = join(world.cwd, "built.tar");
    await dockerOut(["build", "-q", "--output", `type=tar,dest=${built}`, "."], { cwd: world.cwd });
    for (const path of [exported, built]) {
      const report = await search(archiveFile(path));
      expect(placesOf(report)).toEqual([["KEPT", "files", "/secrets/kept", undefined]]);
      expect(report).toMatchObject({ unseen: [], partial: "its merged files" });
      expect(report.files).toBeGreaterThan(100);
    }
  });

  it("buildx: type=oci, type=docker, and a layout folder, where the engine writes them", async (context) => {
    const out = (type: string): string[] => ["build", "-q", "--output", type, "."];
    const oci = join(world.cwd, "oci.tar");
    const attempt = await dockerCli(
      out(`type=oci,dest=${oci},compression=zstd,force-compression=true`),
      {
        cwd: world.cwd,
      },
    );
    const words = attempt.stderr;
    const isRefused = /not supported|not implemented|not currently supported/u.test(words);
    context.skip(attempt.code !== 0 && isRefused, "this engine writes no OCI archives");
    expect(attempt.code).toBe(0);
    const docker = join(world.cwd, "docker.tar");
    await dockerOut(out(`type=docker,dest=${docker}`), { cwd: world.cwd });
    const folder = join(world.cwd, "layout");
    await dockerOut(out(`type=oci,dest=${folder},tar=false`), { cwd: world.cwd });
    for (const source of [archiveFile(oci), archiveFile(docker), layoutFolder(folder)]) {
      const report = await search(source);
      expect(report.unseen).toEqual([]);
      expect(placesOf(report)).toEqual(expect.arrayContaining(LAYER_PLACES));
      expect(report.findings.map(({ where }) => where)).toContain("label");
      expect(report.layers).toHaveLength(image.layers.length);
    }
  });

  it("what docker save wrote, unpacked into a folder, where it is an OCI layout", async (context) => {
    const folder = join(world.cwd, "unpacked");
    await mkdir(folder);
    await run("tar", ["-xf", await saved("layout.tar"), "-C", folder]);
    const index = await readFile(join(folder, "index.json")).catch(() => null);
    context.skip(index === null, "this engine writes the legacy layout alone");
    const report = await search(layoutFolder(folder));
    expect(report.unseen).toEqual([]);
    expect(placesOf(report)).toEqual(expect.arrayContaining(LAYER_PLACES));
  });
});

describe("a registry", () => {
  it("with a login: everything that the engine pushed, by tag and by digest", async () => {
    const password = randomBytes(12).toString("hex");
    await using registry = await pushRegistry(password);
    const { host, username } = registry;
    const name = `${host}/team/cats:1`;
    const config = await world.write(
      "config/config.json",
      JSON.stringify(dockerConfig(host, username, password)),
    );
    await dockerOut(["tag", IMAGE, name]);
    try {
      await dockerOut(["push", "-q", name], { env: { DOCKER_CONFIG: dirname(config) } });
    } finally {
      await dockerCli(["rmi", name]);
    }
    const auth = {
      credentials: async () =>
        Promise.resolve({ username, secret: Secret.take("login", Buffer.from(password)) }),
    };
    const at = (text: string): ImageSource => {
      const reference = parseReference(text);
      if (reference === null) throw new Error("no reference");
      return registryImage(reference, "cats", { auth });
    };
    const report = await search(at(name));
    expect(report.unseen).toEqual([]);
    expect(placesOf(report)).toEqual(expect.arrayContaining(LAYER_PLACES));
    expect(report.layers.map(({ diffId }) => diffId)).toEqual(
      image.layers.map(({ diffId }) => diffId),
    );
    const digest = await registry.digest("team/cats", "1");
    expect(await search(at(`${host}/team/cats@${digest}`))).toEqual(report);
    await expect(search(at(`${host}/team/cats:2`))).rejects.toMatchObject({
      code: "IMAGE_MISSING",
    });
    const reference = parseReference(name);
    if (reference === null) throw new Error("no reference");
    await expect(search(registryImage(reference, name))).rejects.toMatchObject({
      code: "REGISTRY_LOGIN",
    });
    const elsewhere = parsePlatform("linux/s390x", { os: "linux", arch: "amd64" }) ?? undefined;
    const none = await search(registryImage(reference, name, { auth, platform: elsewhere }));
    expect(none.unseen.map(({ reason }) => reason)).toEqual(["no image for linux/s390x"]);
  });
});

describe("a container", () => {
  const NAME = `${IMAGE}-container`;
  const VOLUME = `${IMAGE}-volume`;
  const value = `container-${randomBytes(12).toString("hex")}`;
  const find = async (source: ImageSource): Promise<VerifyReport> =>
    verify(source, [Secret.take("OWN", Buffer.from(value))]).report();
  const script = [
    "mkdir -p /new/deep /etc/sub",
    'echo "$OWN" > /new/deep/file',
    'echo "$OWN" >> /etc/group',
    'echo "$OWN" > /data/in-volume',
    'echo "$OWN" > /scratch/in-tmpfs',
    'ln -s "/to/$OWN" /etc/sub/link',
    "rm /etc/passwd",
    // no UTF-8: the engine writes two replacement characters for what is one elsewhere
    `echo "$OWN" > "/etc/latin-$(printf '\\344\\275')x"`,
  ].join("; ");

  const start = async (more: string): Promise<void> => {
    await world.write("bound", value);
    const mounts = ["-v", `${VOLUME}:/data`, "--tmpfs", "/scratch"];
    const bind = ["-v", `${join(world.cwd, "bound")}:/new/bound`];
    const args = ["--name", NAME, "--network", "none", "-e", `OWN=${value}`, ...mounts, ...bind];
    await dockerOut(["run", "-d", ...args, IMAGE, "sh", "-c", `${script}; ${more}; sleep 1000`]);
    await expect.poll(async () => (await dockerCli(["exec", NAME, "ls", "/done"])).code).toBe(0);
  };

  const stop = async (): Promise<void> => {
    await dockerCli(["rm", "-f", NAME]);
    await dockerCli(["volume", "rm", "-f", VOLUME]);
  };

  const OWN_PLACES = [
    ["OWN", "files", "/etc/group", undefined],
    ["OWN", "files", "/etc/latin-\uFFFDx", undefined],
    ["OWN", "files", "/etc/sub/link", undefined],
    ["OWN", "files", "/new/deep/file", undefined],
    ["OWN", "container", "Config.Env.OWN", undefined],
  ];

  it.each(["fetch", "export", undefined] as const)(
    "its own files and settings, not those of mounts, by %s",
    async (by) => {
      await start("touch /done");
      try {
        const running = await find(containerSource(engine, NAME, { by }));
        expect(placesOf(running).toSorted()).toEqual(OWN_PLACES.toSorted());
        expect(running).toMatchObject({
          unseen: [],
          partial: "the container's own files and settings",
        });
        expect(running.files).toBeLessThan(50);
        await dockerOut(["stop", "-t", "0", NAME]);
        const stopped = await find(containerSource(engine, NAME, { by }));
        expect(placesOf(stopped)).toEqual(placesOf(running));
      } finally {
        await stop();
      }
    },
  );

  it("with its image, both are searched", async () => {
    await start("touch /done");
    try {
      const of = (id: string): ImageSource => engineImage(engine, id);
      const report = await search(containerSource(engine, NAME, { image: of }));
      expect(placesOf(report)).toEqual(expect.arrayContaining(placesOf(image)));
      expect(report).toMatchObject({ unseen: [], configs: image.configs });
      expect(report.partial).toBeUndefined();
      expect(report.findings.map(({ path }) => path)).toContain("Config.Labels.org.example.token");
    } finally {
      await stop();
    }
  });

  it("that is not there is CONTAINER_MISSING", async () => {
    await expect(find(containerSource(engine, "smtest-no-such"))).rejects.toMatchObject({
      code: "CONTAINER_MISSING",
      exitCode: 6,
    });
  });
});
