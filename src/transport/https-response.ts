import { show } from '../base/options.js'
import type { ResponseHead } from '../http/response-head.js'
import { HEADER } from '../wire/walk.js'

/** The media type of a DNS message (RFC 8484, section 6). */
export const DNS_MESSAGE = 'application/dns-message'
/** Fields of a response that are looked at. */
export const WANTED = ['content-type', 'age', 'location']
/** More seconds than this are as good as this (RFC 9111, section 1.2.2). */
const MAX_AGE = 0x7fff_ffff

/**
 * Why a response holds no reply, or null where it may: any 2xx with a DNS message that is long enough, whatever its RCODE
 * (RFC 8484, sections 4.2.1 and 6). Redirects are not followed.
 */
export function responseFault(status: number, headers: ResponseHead, body: Buffer): string | null {
  if (status >= 300 && status < 400) return redirect(status, headers.get('location'))
  if (status < 200 || status > 299) return `answered HTTP ${status}`
  const type = headers.get('content-type')
  if (type !== DNS_MESSAGE && !isDnsMessage(type))
    return `sent ${type === null ? 'no content type' : printable(type)}, not ${DNS_MESSAGE}`
  return body.length < HEADER ? `sent ${body.length} octets, which are no DNS message` : null
}

/**
 * For how long a response was kept by caches on its way, in seconds; 0 where it doesn't say so, or not well. Of several
 * values the first one counts (RFC 9111, section 5.1).
 */
export function ageOf(headers: ResponseHead): number {
  const age = headers.get('age')
  if (age === null) return 0
  const first = /^([0-9]+)[\t ]*(?:,|$)/.exec(age)
  return first === null ? 0 : Math.min(Number(first[1]), MAX_AGE)
}

/** Case is not minded, nor are parameters (RFC 9110, section 8.3.1). */
function isDnsMessage(type: string | null): boolean {
  return type !== null && type.split(';', 1)[0]!.trimEnd().toLowerCase() === DNS_MESSAGE
}

function redirect(status: number, location: string | null): string {
  const where = location === null ? '' : ` to ${printable(location)}`
  return `answered HTTP ${status}, a redirect${where}, and those are not followed`
}

/** What a server says, without what a terminal takes for more than text. */
function printable(text: string): string {
  return show(text.replace(/[^ -~]/g, '?'))
}
