/** An image that holds canaries wherever an image can hold something, for `verify` to report about. */
import { gzipSync } from "node:zlib";

import { ociArchive, ociMembers } from "../unit/verify/archives.ts";
import type { ImageOptions } from "../unit/verify/archives.ts";

/** The same image as different sources have it. */
export interface LeakyImage {
  readonly archive: Buffer;
  /** Files of an OCI layout, by their names. */
  readonly layout: Readonly<Record<string, Buffer>>;
  /** An image without a leak, one of whose files can't be unpacked. */
  readonly unseen: Buffer;
}

/** @param values - sealed in the app's manifest */
export async function leakyImage(values: readonly string[]): Promise<LeakyImage> {
  const image = leaky(values);
  const cut = gzipSync("x".repeat(1000)).subarray(0, -12);
  return {
    archive: await ociArchive(image),
    layout: await ociMembers(image),
    unseen: await ociArchive({ layers: [{ "cut.gz": cut }] }),
  };
}

function leaky(values: readonly string[]): ImageOptions {
  const [value = ""] = values;
  const bytes = Buffer.from(values.join("\n"));
  return {
    layers: [
      { plain: bytes, deleted: bytes, [`name ${value}`]: "" },
      {
        ".wh.deleted": "",
        [`.wh.${value}`]: "",
        link: { type: "symlink", linkname: `/run/${value}` },
        extended: { pax: { "SCHILY.xattr.user.token": value }, body: "x" },
        "packed.gz": gzipSync(bytes),
        base64: bytes.toString("base64"),
        hex: bytes.toString("hex"),
        wide: Buffer.from(values.join("\n"), "utf16le"),
        json: JSON.stringify({ [value]: values }),
        url: `https://bot:${encodeURIComponent(value)}@host.example/`,
      },
    ],
    config: {
      Env: values.map((each, i) => `V${i}=${each}`),
      Labels: { [`org.example.${value}`]: value },
      Cmd: ["sh", "-c", `echo ${value}`],
    },
    history: values
      .slice(0, 2)
      .map((each) => ({ created_by: `RUN |1 T=${each} /bin/sh -c ${each}` })),
    annotations: { [value]: value },
    attestations: [{ materials: [value], encoded: bytes.toString("base64") }],
  };
}
