// A DNS-over-TLS upstream, 64 in flight, beside a bare node:tls client that pipelines.
import { rowsFor } from './connections.mjs'

const VARIANTS = [
  { variant: 'bare-tls', what: 'bare node:tls' },
  { variant: 'headrace-tls', what: 'headrace', of: 'bare-tls', target: 1.35 },
]

export async function run(options) {
  return { title: 'A DNS-over-TLS upstream, 64 in flight', rows: await rowsFor('tls', VARIANTS, options) }
}
