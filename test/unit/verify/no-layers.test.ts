import { expect, it } from "vitest";
import { verdictOf } from "../../../src/verify/model.ts";
import { digestOf, tar, verifyBytes } from "./archives.ts";

/** An image that is a config alone, as engines write it: Go has `null` for an empty list. */
async function archiveWith(manifest: Readonly<Record<string, unknown>>): Promise<Buffer> {
  const config = Buffer.from(
    JSON.stringify({
      config: { Labels: { token: "k3yOfNoLayers-2b9d" } },
      rootfs: { type: "layers", diff_ids: null },
    }),
  );
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, config: { digest: digestOf(config) }, ...manifest }),
  );
  return tar({
    [`blobs/${digestOf(config).replace(":", "/")}`]: config,
    [`blobs/${digestOf(bytes).replace(":", "/")}`]: bytes,
    "index.json": JSON.stringify({ manifests: [{ digest: digestOf(bytes) }] }),
  });
}

it.each([[null], [[]]])("reads an image whose layers are %j", async (layers) => {
  const report = await verifyBytes(await archiveWith({ layers }), {
    "prod/KEY": "k3yOfNoLayers-2b9d",
    "prod/OTHER": "0therOfNoLayers-7f11",
  });
  expect(report).toMatchObject({ layers: [], unseen: [] });
  expect(report.findings.map(({ secret, where, path }) => [secret, where, path])).toEqual([
    ["prod/KEY", "label", "token"],
  ]);
});

it("does not take a document without layers and config for a manifest", async () => {
  const archive = await archiveWith({ layers: null, config: undefined });
  expect(verdictOf(await verifyBytes(archive, { "prod/KEY": "0therOfNoLayers-7f11" }))).toBe(
    "incomplete",
  );
});
