/** Archives and compressed files, made by other programs than those that are tested. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { zstdCompressSync } from "node:zlib";

const PACK = join(import.meta.dirname, "pack.py");

/** Forms that `pack.py` makes, with the path that their content has behind the file's own. */
export const FORMS = {
  gzip: "!",
  "gzip-members": "!",
  zlib: "!",
  zstd: "!",
  xz: "!",
  "xz-crc32": "!",
  "xz-streams": "!",
  bzip2: "!",
  "bzip2-streams": "!",
  zip: "!/dir/inner",
  "zip-stored": "!/dir/inner",
  "zip-bzip2": "!/dir/inner",
  "zip-streamed": "!/dir/inner",
  zip64: "!/dir/inner",
  zipapp: "!/dir/inner",
  tar: "!/dir/inner",
  "tar-gnu": "!/dir/inner",
  "tar-pax": "!/dir/inner",
  deb: "!/inner",
} as const;

export type Form = keyof typeof FORMS;

export const ALL_FORMS = Object.keys(FORMS) as Form[];

const STREAMS: readonly Form[] = ["gzip", "gzip-members", "zlib", "zstd", "xz", "xz-crc32"];
const isStream = (form: Form): boolean =>
  STREAMS.includes(form) || form === "xz-streams" || form.startsWith("bzip2");

/** Forms that are made, but can't be read; and one that takes long to make. */
export type AnyForm = Form | "lzma" | "zip-lzma" | "xz-large";

/** One Python for all: to start it takes longer than to pack. */
export class Packer {
  readonly #child = spawn("python3", [PACK], { stdio: ["pipe", "pipe", "inherit"] });
  readonly #lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  #tail: Promise<unknown> = Promise.resolve();

  /** Packs a content, innermost form first. */
  async pack(content: Buffer, forms: readonly AnyForm[]): Promise<Buffer> {
    // Node packs zstd, Python all others
    const zstd = forms.indexOf("zstd");
    if (zstd < 0) return this.#ask(content, forms);
    const inner = zstdCompressSync(await this.#ask(content, forms.slice(0, zstd)));
    return this.pack(inner, forms.slice(zstd + 1));
  }

  close(): void {
    this.#child.stdin.end();
  }

  async #ask(content: Buffer, forms: readonly AnyForm[]): Promise<Buffer> {
    const answer = this.#tail.then(async () => {
      this.#child.stdin.write(`${JSON.stringify({ forms, data: content.toString("base64") })}\n`);
      const { value } = await this.#lines.next();
      return Buffer.from(String(value), "base64");
    });
    this.#tail = answer;
    return answer;
  }
}

/** Where a content is that was packed so: `/file!/dir/inner` and so on. */
export function pathOf(file: string, forms: readonly Form[]): string {
  let path = file;
  let isContent = false;
  for (const form of forms.toReversed()) {
    // a compressed file in another, and an archive in one, are no further part of the path
    path += isContent ? FORMS[form].slice(1) : FORMS[form];
    isContent = isStream(form);
  }
  return path;
}

/** Levels that count: a tar in a compressed file counts as one with it. */
export function depthOf(forms: readonly Form[]): number {
  return forms.filter((form, i) => {
    const around = forms[i + 1];
    return !(form.startsWith("tar") && around !== undefined && isStream(around));
  }).length;
}
