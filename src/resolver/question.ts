import { Buffer } from 'node:buffer'
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { MalformedMessageError } from '../errors.js'
import { TYPE } from '../wire/constants.js'
import { Message } from '../wire/message.js'
import { writeRdata } from '../wire/rdata-write.js'
import { HEADER } from '../wire/walk.js'

/** 1 for the octets that c-ares takes in a name, ASCII letters and digits and these. */
const ALLOWED = Uint8Array.from({ length: 256 }, (_, octet) =>
  Number(/[\w./*-]/.test(String.fromCharCode(octet)) && octet < 0x80),
)
const ONION = Buffer.from('\x05onion\0')

/**
 * The query for `name` and `type`, in lower case, names that aren't ASCII in their ASCII form (RFC 5891); or the code of why it isn't
 * asked: `EBADNAME`, it is no name that `node:dns` would ask for; `ENOTFOUND`, it is an onion name (RFC 7686, section 2).
 */
export function questionOf(name: string, type: number): Message | 'EBADNAME' | 'ENOTFOUND' {
  const ascii = asciiOf(name)
  if (ascii === '' && name !== '') return 'EBADNAME'
  try {
    const message = Message.query(ascii.toLowerCase(), type)
    if (!isAllowed(message)) return 'EBADNAME'
    return isOnion(message) ? 'ENOTFOUND' : message
  } catch (error) {
    if (error instanceof MalformedMessageError) return 'EBADNAME'
    throw error
  }
}

/** `name` as it is, or where it isn't ASCII in its ASCII form (RFC 5891); empty where it has none. */
export function asciiOf(name: string): string {
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) > 0x7f) return domainToASCII(name)
  return name
}

/** `name` and what it may stand for with search domains, in the order to ask, as `resolv.conf` has it: one for a name that ends in a dot. */
export function candidates(name: string, search: readonly string[], ndots: number): readonly string[] {
  if (search.length === 0 || name === '' || name.endsWith('.')) return [name]
  const longer = search.map((domain) => `${name}.${domain}`)
  return name.split('.').length > ndots ? [name, ...longer] : [...longer, name]
}

/** The name that PTR records of an IP address stand at (RFC 1035, section 3.5; RFC 3596, section 2.5); null when it is none. */
export function reverseName(ip: string): string | null {
  switch (isIP(ip)) {
    case 4:
      return `${ip.split('.').reverse().join('.')}.in-addr.arpa.`
    case 6:
      return `${nibbles(ip).reverse().join('.')}.ip6.arpa.`
    default:
      return null
  }
}

function nibbles(ip: string): string[] {
  return Array.from(writeRdata(TYPE.AAAA, ip.split('%')[0]).toString('hex'))
}

function isAllowed({ wire, questionEnd }: Message): boolean {
  for (let at = HEADER; wire[at] !== 0;) {
    const end = at + 1 + wire[at]!
    while (++at < end) if (ALLOWED[wire[at]!] === 0) return false
  }
  return questionEnd > HEADER
}

/** Whether it is below `onion`. */
function isOnion({ wire, questionEnd }: Message): boolean {
  const at = questionEnd - 4 - ONION.length
  if (at <= HEADER) return false
  for (let i = 0; i < ONION.length; i++) if ((wire[at + i]! | (i > 0 && i < 6 ? 0x20 : 0)) !== ONION[i]) return false
  return true
}
