// A DNS-over-HTTPS upstream, 64 in flight, beside a bare node:http2 client and tangerine (npm), each by POST and by GET.
import { rowsFor } from './connections.mjs'

const VARIANTS = [
  { variant: 'bare-http2-POST', what: 'bare node:http2, POST' },
  { variant: 'headrace-POST', what: 'headrace, POST', of: 'bare-http2-POST', target: 0.4 },
  { variant: 'tangerine-POST', what: 'tangerine, POST', of: 'bare-http2-POST' },
  { variant: 'bare-http2-GET', what: 'bare node:http2, GET' },
  { variant: 'headrace-GET', what: 'headrace, GET', of: 'bare-http2-GET', target: 0.4 },
  { variant: 'tangerine-GET', what: 'tangerine, GET', of: 'bare-http2-GET' },
]

export async function run(options) {
  return { title: 'A DNS-over-HTTPS upstream, 64 in flight', rows: await rowsFor('https', VARIANTS, options) }
}
