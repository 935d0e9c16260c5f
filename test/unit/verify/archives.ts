/** Image archives made in memory: the layouts that engines and builders write. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { pack } from "tar-stream";
import type { Header } from "tar-stream";
import { Secret } from "../../../src/secret/secret.ts";
import { archiveStream } from "../../../src/verify/sources/archive.ts";
import { verify } from "../../../src/verify/verify.ts";
import type { VerifyReport } from "../../../src/verify/model.ts";

/** A member: its header and content; a plain string is a file's content. */
export type Members = Readonly<
  Record<string, string | Buffer | (Partial<Header> & { body?: string })>
>;

export async function tar(members: Members): Promise<Buffer> {
  const stream = pack();
  const all = buffer(stream);
  for (const [name, member] of Object.entries(members)) {
    // two tars of the same are equal, whatever the second is in which they are made
    const header = { name, mtime: new Date(0) };
    if (typeof member === "string" || Buffer.isBuffer(member)) stream.entry(header, member);
    else stream.entry({ ...header, ...member }, member.body ?? "");
  }
  stream.finalize();
  return all;
}

export type LayerForm = "raw" | "gzip" | "zstd";

const compress = {
  raw: (bytes: Buffer): Buffer => bytes,
  gzip: (bytes: Buffer): Buffer => gzipSync(bytes),
  zstd: (bytes: Buffer): Buffer => zstdCompressSync(bytes),
};

export interface ImageOptions {
  readonly layers: readonly (Members | Buffer)[];
  /** Fields of the config's `config` object: Env, Labels, Cmd … */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly history?: readonly Readonly<Record<string, unknown>>[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly form?: LayerForm;
  readonly architecture?: string;
  /** Documents that an attestation manifest holds. */
  readonly attestations?: readonly unknown[];
  /** Digests of further manifests that a nested index names and the archive lacks. */
  readonly elsewhere?: readonly unknown[];
}

export const digestOf = (bytes: Buffer): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

async function layersOf(o: ImageOptions): Promise<Buffer[]> {
  return Promise.all(o.layers.map(async (layer) => (Buffer.isBuffer(layer) ? layer : tar(layer))));
}

function configOf(o: ImageOptions, layers: readonly Buffer[]): Buffer {
  return json({
    architecture: o.architecture ?? "amd64",
    os: "linux",
    config: o.config ?? {},
    history: o.history ?? layers.map((_, i) => ({ created_by: `COPY layer ${i + 1}` })),
    rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
  });
}

/** What `docker save` of 20.10 writes: a folder for each layer, the manifest last. */
export async function legacyArchive(o: ImageOptions): Promise<Buffer> {
  const layers = await layersOf(o);
  const config = configOf(o, layers);
  const configName = `${digestOf(config).slice(7)}.json`;
  const ids = layers.map((layer, i) => digestOf(Buffer.concat([layer, Buffer.from([i])])).slice(7));
  const folders = layers.flatMap((layer, i) => [
    [`${ids[i]}/VERSION`, "1.0"],
    [
      `${ids[i]}/json`,
      json({ id: ids[i], config: o.config ?? {}, container_config: o.config ?? {} }),
    ],
    [`${ids[i]}/layer.tar`, layer],
  ]);
  return tar({
    ...(Object.fromEntries(folders) as Members),
    [configName]: config,
    "manifest.json": json([
      { Config: configName, RepoTags: ["cats:1"], Layers: ids.map((id) => `${id}/layer.tar`) },
    ]),
    repositories: json({ cats: { "1": ids.at(-1) } }),
  });
}

/** The OCI layout with a nested index, as engines with the containerd store and builders write it. */
export async function ociArchive(o: ImageOptions): Promise<Buffer> {
  return tar(await ociMembers(o));
}

export async function ociMembers(o: ImageOptions): Promise<Record<string, Buffer>> {
  const blobs = new Map<string, Buffer>();
  const store = (bytes: Buffer): { digest: string; size: number } => {
    const digest = digestOf(bytes);
    blobs.set(`blobs/${digest.replace(":", "/")}`, bytes);
    return { digest, size: bytes.length };
  };
  const layers = await layersOf(o);
  const manifest = store(
    json({
      schemaVersion: 2,
      config: store(configOf(o, layers)),
      layers: layers.map((layer) => store(compress[o.form ?? "raw"](layer))),
      annotations: o.annotations ?? {},
    }),
  );
  const attestations = (o.attestations ?? []).map((document) => ({
    ...store(json({ schemaVersion: 2, config: store(json({})), layers: [store(json(document))] })),
    annotations: {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": manifest.digest,
    },
    platform: { os: "unknown", architecture: "unknown" },
  }));
  const index = store(
    json({
      schemaVersion: 2,
      manifests: [
        { ...manifest, platform: { os: "linux", architecture: o.architecture ?? "amd64" } },
        ...attestations,
        ...(o.elsewhere ?? []),
      ],
    }),
  );
  const sorted = [...blobs].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...Object.fromEntries(sorted),
    "index.json": json({ schemaVersion: 2, manifests: [index] }),
    "oci-layout": json({ imageLayoutVersion: "1.0.0" }),
  };
}

export const secretsOf = (values: Readonly<Record<string, string>>): Secret[] =>
  Object.entries(values).map(([name, value]) => Secret.take(name, Buffer.from(value)));

/** Verifies an archive that arrives in chunks of one size. */
export async function verifyBytes(
  archive: Buffer,
  values: Readonly<Record<string, string>>,
  chunk = 65_536,
): Promise<VerifyReport> {
  const count = Math.ceil(archive.length / chunk);
  const pieces = Array.from({ length: count }, (_, i) =>
    archive.subarray(i * chunk, (i + 1) * chunk),
  );
  return verify(archiveStream(Readable.from(pieces), "cats:1"), secretsOf(values)).report();
}

/** A manifest around one blob that is stored as it is. */
export async function imageOf(blob: Buffer, diffId = digestOf(blob)): Promise<Buffer> {
  const config = Buffer.from(JSON.stringify({ rootfs: { diff_ids: [diffId] } }));
  const manifest = Buffer.from(
    JSON.stringify({ config: { digest: digestOf(config) }, layers: [{ digest: digestOf(blob) }] }),
  );
  const blobs = [blob, config, manifest].map(
    (bytes) => [`blobs/${digestOf(bytes).replace(":", "/")}`, bytes] as const,
  );
  const index = JSON.stringify({ manifests: [{ digest: digestOf(manifest) }] });
  return tar({ ...(Object.fromEntries(blobs) as Members), "index.json": index });
}
