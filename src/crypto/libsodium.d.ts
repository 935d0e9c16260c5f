/** The engine beneath libsodium-wrappers, which has no declarations of its own. */
declare module "libsodium" {
  /** Instantiates the WASM module; `options` are those of emscripten. */
  export default function create(options: { getRandomValue: () => number }): Promise<unknown>;
}
