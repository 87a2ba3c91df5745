import type { DnsError } from '../errors.js'

/** Errors of the local side: they say nothing about the server. */
const OUR_SIDE = new Set([
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EACCES',
  'EPERM',
])

/** Whether `error` is about this machine and says nothing of the server. */
export function isOurSide(error: DnsError | null): boolean {
  const cause = error?.cause
  return cause instanceof Error && 'code' in cause && OUR_SIDE.has(String(cause.code))
}
