import { Buffer } from 'node:buffer'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'

/** The part of WebAssembly that is used here; the types of Node 20 have none. */
interface WasmApi {
  compile(octets: Uint8Array): Promise<CoreModule>
  Instance: new (module: CoreModule, imports: Record<string, Record<string, WasmImport>>) => { exports: unknown }
}

/** What a module may ask of its host. */
export type WasmImport = (...args: never[]) => unknown

/** The compiled core; opaque. */
export interface CoreModule {
  readonly __core?: never
}

/** The global, as far as it is used here. */
export const wasm: WasmApi = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly

let loading: Promise<CoreModule> | null = null

/**
 * The compiled QUIC core, read and compiled on the first call, off the main thread: some 30 ms.
 *
 * It comes out of a module of its own, not a file beside it, so that it survives every bundler.
 */
export function loadCore(): Promise<CoreModule> {
  loading ??= import('./core/artefact.js')
    .then(({ MODULE }) => promisify(brotliDecompress)(Buffer.from(MODULE, 'base64')))
    .then((octets) => wasm.compile(octets))
    .catch((error: unknown) => {
      loading = null
      throw error
    })
  return loading
}
