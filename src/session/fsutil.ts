/**
 * Numbers of fsutil's protocol, in which both sides send folders: FileSync and FileSend.
 *
 * @see https://github.com/tonistiigi/fsutil/blob/master/types/wire.proto
 */

/** Kinds of packets. */
export const PACKET = { stat: 0, request: 1, data: 2, end: 3, error: 4 } as const;

/**
 * Bits of Go's `fs.FileMode`, which is not `st_mode`. The highest one is the sign of a 32-bit number,
 * so they are added and divided, not or-ed and and-ed.
 *
 * @see https://pkg.go.dev/io/fs#FileMode
 */
export const GO_MODE = {
  folder: 2 ** 31,
  link: 2 ** 27,
  device: 2 ** 26,
  namedPipe: 2 ** 25,
  socket: 2 ** 24,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  characterDevice: 2 ** 21,
  sticky: 2 ** 20,
  irregular: 2 ** 19,
} as const;

/** True when a mode has a bit of {@link GO_MODE}. */
export function hasMode(mode: number, bit: number): boolean {
  return Math.floor(mode / bit) % 2 === 1;
}
