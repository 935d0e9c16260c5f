import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import {
  chmod,
  mkdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { Engine } from "../../../../src/docker/engine.ts";
import { copyLayer } from "../../../../src/verify/routes/layer-folder.ts";
import { engineImage } from "../../../../src/verify/sources/engine.ts";
import { verdictOf } from "../../../../src/verify/model.ts";
import type { VerifyReport } from "../../../../src/verify/model.ts";
import { verify } from "../../../../src/verify/verify.ts";
import { makeWorld } from "../../../support/temp.ts";
import { fakeEngine } from "../../session/fake-engine.ts";
import { digestOf, secretsOf, tar } from "../archives.ts";
import { layImage } from "./overlay-root.ts";
import type { LaidImage } from "./overlay-root.ts";

const CANARY = 'folders>>>canary???58+/"ö&';
const OLD = new Date(1_700_000_000_000);
const LONG = `${"d".repeat(90)}/${"f".repeat(120)}-ü`;

/** Two layers with everything that a tar can say about a member. */
async function layersOf(): Promise<Buffer[]> {
  return [
    await tar({
      "etc/": { type: "directory" },
      "etc/passwd": { mtime: OLD, body: "root\n" },
      "etc/big": Buffer.alloc(2_500_000, "x"),
      [LONG]: `a ${CANARY} b`,
      "etc/empty": "",
    }),
    await tar({
      "etc/link": { type: "symlink", linkname: `/run/${CANARY}` },
      "etc/.wh.passwd": "",
      "etc/attributes": { pax: { "SCHILY.xattr.user.token": CANARY }, body: "1" },
      "etc/key": { mtime: OLD, body: CANARY },
    }),
  ];
}

interface Laid {
  readonly image: LaidImage;
  readonly engine: Engine;
  readonly layers: readonly Buffer[];
  /** What the engine answers when it is asked for the archive. */
  readonly state: { isGone: boolean };
}

interface Facts {
  readonly Driver?: string;
  readonly DriverStatus?: readonly (readonly [string, string])[];
}

async function lay(facts: Facts = {}): Promise<Laid> {
  const world = await makeWorld();
  const layers = await layersOf();
  const image = await layImage(world.cwd, layers);
  const archive = await archiveOf(world.cwd, image, layers);
  const info = {
    Driver: "overlay2",
    DriverStatus: [["Native Overlay Diff", "true"]],
    DockerRootDir: world.cwd,
    ...facts,
  };
  const state = { isGone: false };
  const fake = await fakeEngine({
    handle(request, response) {
      const path = request.url ?? "";
      if (path.endsWith("/info")) response.end(JSON.stringify(info));
      else if (path.endsWith("/cats/json")) response.end(JSON.stringify({ Id: image.id }));
      else if (path.endsWith("/get") && !state.isGone) response.end(archive);
      else response.writeHead(404).end('{"message":"No such image: cats"}');
    },
  });
  onTestFinished(async () => {
    await fake[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });
  return { image, layers, state, engine: await Engine.connect(fake.endpoint) };
}

/** What `docker save` makes of it. */
async function archiveOf(
  root: string,
  { id }: LaidImage,
  layers: readonly Buffer[],
): Promise<Buffer> {
  const config = await readFile(join(root, "image/overlay2/imagedb/content/sha256", id.slice(7)));
  const names = layers.map((layer) => `blobs/${digestOf(layer).replace(":", "/")}`);
  const name = `blobs/${id.replace(":", "/")}`;
  return tar({
    [name]: config,
    ...Object.fromEntries(layers.map((layer, i) => [names[i] ?? "", layer])),
    "manifest.json": JSON.stringify([{ Config: name, Layers: names }]),
  });
}

async function verifyOn({ engine }: Laid, route: "auto" | "save" = "auto"): Promise<VerifyReport> {
  return verify(engineImage(engine, "cats", { route }), secretsOf({ "prod/KEY": CANARY })).report();
}

const pipeAt = async (path: string): Promise<void> => {
  await rm(path);
  execFileSync("mkfifo", [path]);
};

const sameVerdict = ({ route: _route, ...report }: VerifyReport): object => report;

describe("the folders of overlay2", () => {
  it("give the tar of a layer byte for byte", async () => {
    const { image, layers } = await lay();
    for (const [i, { files, notes }] of image.layers.entries()) {
      const pieces: Buffer[] = [];
      const folder = { files, split: join(notes, "tar-split.json.gz") };
      const sink = async (bytes: Buffer): Promise<void> => {
        pieces.push(Buffer.from(bytes));
        await Promise.resolve();
      };
      await copyLayer(folder, sink, new AbortController().signal);
      expect(digestOf(Buffer.concat(pieces))).toBe(digestOf(layers[i] ?? Buffer.alloc(0)));
      expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(1024 * 1024);
    }
  });

  it("give the same report as docker save: names, links, attributes, offsets, counts", async () => {
    const laid = await lay();
    const report = await verifyOn(laid);
    const saved = await verifyOn(laid, "save");
    expect(report.route).toEqual({
      name: "folders",
      skipped: [{ name: "content", reason: expect.any(String) }],
    });
    expect(saved.route).toEqual({ name: "save", skipped: [] });
    expect(sameVerdict(report)).toEqual(sameVerdict(saved));
    expect(report.findings.map(({ part }) => part)).toEqual([
      "content",
      "link",
      "header",
      "content",
    ]);
    expect(report.unseen).toEqual([]);
  });

  const facts: readonly (readonly [string, Facts])[] = [
    ["another driver", { Driver: "overlayfs" }],
    ["folders with redirects", { DriverStatus: [["Native Overlay Diff", "false"]] }],
    ["an engine that does not say", { DriverStatus: [] }],
  ];
  it.each(facts)("are left alone for %s", async (_name, fact) => {
    const report = await verifyOn(await lay(fact));
    expect(report.route?.name).toBe("save");
    expect(verdictOf(report)).toBe("leak");
  });

  type Damage = (layer: LaidImage["layers"][number]) => Promise<void>;
  const split = ({ notes }: { readonly notes: string }): string => join(notes, "tar-split.json.gz");
  const lines = (layer: LaidImage["layers"][number]): string[] =>
    gunzipSync(readFileSync(split(layer)))
      .toString()
      .split("\n");
  const damages: readonly (readonly [string, Damage])[] = [
    ["a file is gone", async ({ files }) => rm(join(files, "etc/key"))],
    ["a file is shorter", async ({ files }) => truncate(join(files, "etc/key"), 3)],
    ["a file is longer", async ({ files }) => writeFile(join(files, "etc/key"), `${CANARY}+`)],
    [
      "a file was written to, as long as before",
      async ({ files }) => writeFile(join(files, "etc/key"), "x".repeat(Buffer.byteLength(CANARY))),
    ],
    [
      "a file has another time",
      async ({ files }) => utimes(join(files, "etc/key"), 1_000_000, 1_000_000),
    ],
    [
      "a file is a link",
      async ({ files }) => {
        await rename(join(files, "etc/key"), join(files, "other"));
        await symlink("../other", join(files, "etc/key"));
      },
    ],
    [
      "a folder is a link",
      async ({ files }) => {
        await rename(join(files, "etc"), join(files, "other"));
        await symlink("other", join(files, "etc"));
      },
    ],
    [
      "a file is a folder",
      async ({ files }) => {
        await rm(join(files, "etc/key"));
        await mkdir(join(files, "etc/key"));
      },
    ],
    ["the layer's folder is gone", async ({ files }) => rm(files, { recursive: true })],
    [
      "the layer's folder is a link",
      async ({ files }) => {
        await rename(files, `${files}-moved`);
        await symlink(`${files}-moved`, files);
      },
    ],
    ["the notes are gone", async (layer) => rm(split(layer))],
    ["the notes are cut", async (layer) => truncate(split(layer), 100)],
    ["the notes are no gzip", async (layer) => writeFile(split(layer), "{}\n")],
    ["the notes are no JSON", async (layer) => writeFile(split(layer), gzipSync("{\n"))],
    [
      "a line of the notes is lost",
      async (layer) => writeFile(split(layer), gzipSync(lines(layer).toSpliced(2, 1).join("\n"))),
    ],
    [
      "a name leads out",
      async (layer) =>
        writeFile(
          split(layer),
          gzipSync(lines(layer).join("\n").replaceAll('"etc/key"', '"../../../etc/passwd"')),
        ),
    ],
    [
      "a size is negative",
      async (layer) =>
        writeFile(split(layer), gzipSync(lines(layer).join("\n").replace('"size":', '"size":-'))),
    ],
    [
      "the notes are of another layer",
      async ({ notes }) => writeFile(join(notes, "diff"), "sha256:1"),
    ],
    ["the notes are a pipe", async (layer) => pipeAt(split(layer))],
    ["a note is a pipe", async ({ notes }) => pipeAt(join(notes, "diff"))],
    ["a note never ends", async ({ notes }) => truncate(join(notes, "cache-id"), 1e9)],
    [
      "the folder's name leads out",
      async ({ notes }) => writeFile(join(notes, "cache-id"), "../.."),
    ],
  ];
  it.each(damages)("fall back to docker save when %s", async (_name, damage) => {
    const laid = await lay();
    const [, layer] = laid.image.layers;
    if (layer === undefined) throw new Error("no layer");
    await damage(layer);
    const report = await verifyOn(laid);
    expect(report.route?.name).toBe("save");
    expect(report.route?.skipped.map(({ name }) => name)).toEqual(["content", "folders"]);
    expect(sameVerdict(report)).toEqual(sameVerdict(await verifyOn(laid, "save")));
  });

  it("fall back when the config is not the one that the id names", async () => {
    const laid = await lay();
    const config = join(
      laid.image.layers[0]?.notes ?? "",
      "../../../imagedb/content/sha256",
      laid.image.id.slice(7),
    );
    await writeFile(config, `${await readFile(config, "utf8")} `);
    expect((await verifyOn(laid)).route?.name).toBe("save");
  });

  it.skipIf(process.getuid?.() === 0)("fall back when only root may read them", async () => {
    const laid = await lay();
    await chmod(laid.image.layers[0]?.notes ?? "", 0o000);
    const { route } = await verifyOn(laid);
    expect(route?.skipped.at(-1)?.reason).toBe("only root may read the engine's folder");
  });

  it("an image that is gone when docker save is asked is an error, never clean", async () => {
    const laid = await lay();
    await rm(laid.image.layers[1]?.files ?? "", { recursive: true });
    laid.state.isGone = true;
    await expect(verifyOn(laid)).rejects.toMatchObject({ code: "IMAGE_MISSING" });
  });
});
