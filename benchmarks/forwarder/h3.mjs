// A DNS-over-HTTP/3 upstream, 64 in flight, beside a bare client on the same core: with the same cipher, and with each one's own.
import { rowsFor } from './connections.mjs'

const VARIANTS = [
  { variant: 'bare-h3-aes', what: 'bare client on the core, AES-256' },
  { variant: 'headrace-h3-aes', what: 'headrace, AES-256', of: 'bare-h3-aes', target: 1.5 },
  { variant: 'bare-h3', what: 'bare client on the core' },
  { variant: 'headrace-h3', what: 'headrace', of: 'bare-h3' },
]

export async function run(options) {
  return { title: 'A DNS-over-HTTP/3 upstream, 64 in flight', rows: await rowsFor('h3', VARIANTS, options) }
}
