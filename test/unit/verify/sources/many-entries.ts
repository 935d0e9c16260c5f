/**
 * Searches a tar of many entries in a process of its own, and tells its memory.
 *
 *     node many-entries.ts layer|files COUNT
 */
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { Secret } from "../../../../src/secret/secret.ts";
import { archiveStream } from "../../../../src/verify/sources/archive.ts";
import { verify } from "../../../../src/verify/verify.ts";

const BLOCK = 512;
const [form = "", counted = ""] = process.argv.slice(2);
const count = Number(counted);
const value = randomBytes(16).toString("hex");

function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  writeHeader(block, name, size);
  return block;
}

function writeHeader(block: Buffer, name: string, size: number): void {
  block.write(name);
  block.write("0000644\0", 100);
  block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  block.write("        0", 148);
  block.write("ustar\x0000", 257);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
}

/** Entries in one chunk. */
const BATCH = 500;

/** A tar of small files; the last one leaks. Garbage of its own would be measured with the rest. */
function* files(): Generator<Buffer> {
  for (let first = 0; first < count; first += BATCH) {
    const entries = Math.min(BATCH, count - first);
    const chunk = Buffer.alloc(entries * 2 * BLOCK);
    for (let i = 0; i < entries; i++) {
      const number = first + i;
      const content = number === count - 1 ? value : `file ${number}`;
      const name = `some/folder-${number % 1000}/file-${number}`;
      writeHeader(chunk.subarray(i * 2 * BLOCK, (i * 2 + 1) * BLOCK), name, content.length);
      chunk.write(content, (i * 2 + 1) * BLOCK);
    }
    yield chunk;
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** The same as the only layer of an image, in the legacy layout. */
function* image(): Generator<Buffer> {
  const layer = "1/layer.tar";
  const config = Buffer.from(JSON.stringify({ rootfs: { diff_ids: ["sha256:1"] } }));
  const manifest = Buffer.from(JSON.stringify([{ Config: "config.json", Layers: [layer] }]));
  yield header(layer, (count + 1) * 2 * BLOCK);
  yield* files();
  for (const [name, body] of [
    ["config.json", config],
    ["manifest.json", manifest],
  ] as const) {
    const padding = Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK);
    yield Buffer.concat([header(name, body.length), body, padding]);
  }
  yield Buffer.alloc(2 * BLOCK);
}

const source = archiveStream(Readable.from(form === "layer" ? image() : files()), "many");
const report = await verify(source, [Secret.take("KEY", Buffer.from(value))]).report();
process.stdout.write(
  JSON.stringify({
    files: report.files,
    findings: report.findings.length,
    unseen: report.unseen.length,
    megabytes: process.resourceUsage().maxRSS / 1000,
  }),
);
