/** The decoder inside unbzip2-stream, which has types for its stream only. */
declare module "unbzip2-stream/lib/bzip2.js" {
  type Bits = (count: number | null) => number;
  const bzip2: {
    /** Reads the header of a stream: the size of its blocks in 100 kB. */
    header(bits: Bits): number;
    /** Decodes one block: the checksum so far, or null at the end of the stream. */
    decompress(
      bits: Bits,
      stream: (byte: number) => void,
      buffer: Int32Array,
      size: number,
      crc: number | null,
    ): number | null;
  };
  export default bzip2;
}
