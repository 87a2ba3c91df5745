// A DNS-over-QUIC upstream, 64 in flight, beside a bare client on the same core.
import { rowsFor } from './connections.mjs'

const VARIANTS = [
  { variant: 'bare-doq', what: 'bare client on the core' },
  { variant: 'headrace-doq', what: 'headrace', of: 'bare-doq', target: 1.25 },
]

export async function run(options) {
  return { title: 'A DNS-over-QUIC upstream, 64 in flight', rows: await rowsFor('doq', VARIANTS, options) }
}
