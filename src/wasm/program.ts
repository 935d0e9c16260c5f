/** A program in WebAssembly that runs, and the memory that it works in. */
export interface Program<Exports> {
  readonly memory: ArrayBuffer;
  readonly exports: Exports;
}

/**
 * Starts a program of `assembly`.
 *
 * @param base64 - its binary
 * @param bytes - of memory that it needs; it gets whole pages
 * @returns null when this process has no WebAssembly (`node --jitless`), or no memory for it
 */
export function startProgram<Exports>(base64: string, bytes: number): Program<Exports> | null {
  const { WebAssembly: wasm } = globalThis as { WebAssembly?: Wasm<Exports> };
  if (wasm === undefined) return null;
  try {
    const pages = Math.ceil(bytes / PAGE);
    const memory = new wasm.Memory({ initial: pages, maximum: pages });
    const module = compiled.get(base64) ?? new wasm.Module(Buffer.from(base64, "base64"));
    compiled.set(base64, module);
    const { exports } = new wasm.Instance(module, { env: { memory } });
    return { memory: memory.buffer, exports };
  } catch {
    return null;
  }
}

/** Of WebAssembly. */
const PAGE = 65_536;

/** Code, no data: one for all that run. */
const compiled = new Map<string, object>();

/** The part of WebAssembly that is needed; Node's types leave it to those of browsers. */
interface Wasm<Exports> {
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => {
    readonly buffer: ArrayBuffer;
  };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: object } },
  ) => { readonly exports: Exports };
}
