/**
 * The only file that imports libsodium: libsodium-wrappers (not sumo: same speed, nothing in it
 * that we need) and the engine beneath it.
 *
 * It calls the functions of the WASM module itself, not the wrappers around them. The wrappers copy
 * each argument to the WASM heap and free it without wiping: plaintexts and private keys stay there
 * after memzero (measured). Here every buffer on that heap is ours, is zeroed in `finally`, and is
 * allocated once for a whole batch. libsodium wipes what it puts on its own stack (tested by a
 * search of the whole heap).
 */

/** What opens boxes. Pointers are offsets in {@link heap}; functions return 0 when all is well. */
export interface SodiumEngine {
  /** A view of the whole heap; replaced when the heap grows, so never keep it. */
  readonly heap: Uint8Array;
  /** Returns 0 when there is no room. */
  malloc(size: number): number;
  free(pointer: number): void;
  scalarmultBase(publicKey: number, privateKey: number): number;
  boxSealOpen(at: BoxSealOpen): number;
}

/** What also makes keys and boxes, and so draws random numbers. */
export interface Sodium extends SodiumEngine {
  keypair(publicKey: number, privateKey: number): number;
  /** `length` is that of the message. */
  boxSeal(at: { box: number; m: number; length: number; publicKey: number }): number;
}

/** Offsets for crypto_box_seal_open; two keys, since the public one is part of the nonce. */
export interface BoxSealOpen {
  readonly m: number;
  readonly box: number;
  /** Bytes of the box. */
  readonly length: number;
  readonly publicKey: number;
  readonly privateKey: number;
}

/** The module as emscripten exports it. */
interface Module {
  readonly HEAPU8: Uint8Array;
  readonly _malloc: Native;
  readonly _free: Native;
  readonly _crypto_box_keypair: Native;
  readonly _crypto_scalarmult_base: Native;
  readonly _crypto_box_seal: Native;
  readonly _crypto_box_seal_open: Native;
}

/** C functions take and return numbers; a 64-bit one is passed as its low and its high half. */
type Native = (...numbers: number[]) => number;

const FUNCTIONS = [
  "_malloc",
  "_free",
  "_crypto_box_keypair",
  "_crypto_scalarmult_base",
  "_crypto_box_seal",
  "_crypto_box_seal_open",
] as const satisfies readonly (keyof Module)[];

let engine: Promise<SodiumEngine> | undefined;
let sodium: Promise<Sodium> | undefined;

/**
 * Loads what opens boxes, once: 20 ms of CPU, against 36 ms with the wrappers and the random source
 * of {@link loadSodium} (measured; `node -e 0` costs 34 ms). Opening needs no random number, so this
 * engine has no source of them: whatever would draw one throws. sodium_init is left out for the
 * same reason: it draws one, and sets nothing else that opening needs.
 */
export function loadEngine(): Promise<SodiumEngine> {
  engine ??= startEngine();
  return engine;
}

/** Loads libsodium with its random source, once: what makes keys and seals. */
export function loadSodium(): Promise<Sodium> {
  sodium ??= startSodium();
  return sodium;
}

/**
 * Lends zeroed memory on the WASM heap, and zeroes it again before it is freed, on every path.
 *
 * @param size - bytes in all
 * @param use - takes blocks of that memory, as offsets; must not be async
 * @throws RangeError when the heap can't grow that far, or more than `size` is taken
 */
export function withHeap<T>(
  memory: Pick<SodiumEngine, "heap" | "malloc" | "free">,
  size: number,
  use: (take: (bytes: number) => number) => T,
): T {
  const start = memory.malloc(size);
  if (start === 0) throw new RangeError(`no ${size} bytes left on the heap of libsodium`);
  const end = start + size;
  memory.heap.fill(0, start, end);
  let next = start;
  try {
    return use((bytes) => {
      const offset = next;
      next += bytes;
      if (next > end) throw new RangeError(`more than ${size} bytes were taken`);
      return offset;
    });
  } finally {
    memory.heap.fill(0, start, end);
    memory.free(start);
  }
}

async function startEngine(): Promise<SodiumEngine> {
  const { default: create } = await import("libsodium");
  return engineOf(asModule(await create({ getRandomValue: refuseRandom })));
}

function refuseRandom(): never {
  throw new Error("the engine that opens boxes has no random source");
}

async function startSodium(): Promise<Sodium> {
  // the declarations of the package know neither its default export nor `libsodium`
  const loaded: object = await import("libsodium-wrappers");
  if (!("ready" in loaded) || !("default" in loaded)) throw anotherShape("ready");
  await loaded.ready;
  const wrappers = loaded.default;
  if (typeof wrappers !== "object" || wrappers === null || !("libsodium" in wrappers)) {
    throw anotherShape("libsodium");
  }
  const module = asModule(wrappers.libsodium);
  const { _crypto_box_keypair, _crypto_box_seal } = module;
  const functions = {
    keypair: _crypto_box_keypair,
    boxSeal: ({ box, m, length, publicKey }) => _crypto_box_seal(box, m, length, 0, publicKey),
  } satisfies Partial<Sodium>;
  return Object.assign(engineOf(module), functions);
}

function engineOf(module: Module): SodiumEngine {
  const { _malloc, _free, _crypto_scalarmult_base, _crypto_box_seal_open } = module;
  return {
    get heap() {
      return module.HEAPU8;
    },
    malloc: _malloc,
    free: _free,
    scalarmultBase: _crypto_scalarmult_base,
    boxSealOpen: ({ m, box, length, publicKey, privateKey }) =>
      _crypto_box_seal_open(m, box, length, 0, publicKey, privateKey),
  };
}

/** An update of the package may not break us silently. */
function asModule(candidate: unknown): Module {
  const properties = new Map<string, unknown>(Object.entries(candidate ?? {}));
  const missing = FUNCTIONS.find((name) => typeof properties.get(name) !== "function");
  if (missing !== undefined) throw anotherShape(missing);
  if (!(properties.get("HEAPU8") instanceof Uint8Array)) throw anotherShape("HEAPU8");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each member was checked above
  return candidate as Module;
}

function anotherShape(missing: string): Error {
  return new Error(`libsodium is of another shape than expected: it has no ${missing}`);
}
