// A TCP upstream, 64 in flight, beside a bare node:net client that pipelines.
import { rowsFor } from './connections.mjs'

const VARIANTS = [
  { variant: 'bare-tcp', what: 'bare node:net' },
  { variant: 'headrace-tcp', what: 'headrace', of: 'bare-tcp', target: 1.35 },
]

export async function run(options) {
  return { title: 'A TCP upstream, 64 in flight', rows: await rowsFor('tcp', VARIANTS, options) }
}
