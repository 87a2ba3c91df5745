// A DNS-over-QUIC upstream, 64 in flight, beside a bare client on the same core: with the same cipher, and with each one's own.
import { rowsFor } from './connections.mjs'

const VARIANTS = [
  { variant: 'bare-doq-aes', what: 'bare client on the core, AES-256' },
  { variant: 'headrace-doq-aes', what: 'headrace, AES-256', of: 'bare-doq-aes', target: 1.25 },
  { variant: 'bare-doq', what: 'bare client on the core' },
  { variant: 'headrace-doq', what: 'headrace', of: 'bare-doq' },
]

export async function run(options) {
  return { title: 'A DNS-over-QUIC upstream, 64 in flight', rows: await rowsFor('doq', VARIANTS, options) }
}
