// A DNS-over-HTTP/3 upstream, 64 in flight, beside a bare client on the same core.
import { rowsFor } from './connections.mjs'

const VARIANTS = [
  { variant: 'bare-h3', what: 'bare client on the core' },
  { variant: 'headrace-h3', what: 'headrace', of: 'bare-h3', target: 1.5 },
]

export async function run(options) {
  return { title: 'A DNS-over-HTTP/3 upstream, 64 in flight', rows: await rowsFor('h3', VARIANTS, options) }
}
