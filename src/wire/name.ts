import { Buffer } from 'node:buffer'
import { MalformedMessageError } from '../errors.js'

const MAX_NAME = 255
const MAX_LABEL = 63
const MAX_HOPS = 127
/** Octets that mean something in a zone file, escaped by a backslash (RFC 1035, section 5.1; RFC 4343, section 2.1). */
const ESCAPED = new Set(Array.from('"().;\\@$', (c) => c.charCodeAt(0)))

/**
 * The octets of a name in presentation form (RFC 1035, section 5.1; escapes as in RFC 4343, section 2.1). A trailing
 * dot is optional; `''` and `'.'` are the root. Nothing is translated: a name with non-ASCII letters must be given in
 * its ASCII form.
 *
 * @throws {MalformedMessageError} an empty label, a label over 63 or a name over 255 octets, a bad escape, non-ASCII text
 */
export function nameToWire(text: string): Buffer {
  return Buffer.from(encoded.subarray(0, encodeName(text)))
}

/** What {@link encodeName} wrote last. */
export const encoded = Buffer.alloc(MAX_NAME)

/**
 * As {@link nameToWire}, but to the start of {@link encoded}, for who copies it at once: how many octets.
 *
 * @throws {MalformedMessageError} as there
 */
export function encodeName(text: string): number {
  if (text === '' || text === '.') return endName(0)
  let at = 1
  let label = 0
  for (let i = 0; i < text.length; i++) {
    let octet = text.charCodeAt(i)
    if (octet === 0x2e) {
      label = endLabel(label, at)
      if (i === text.length - 1) return endName(label)
      at = label + 1
      continue
    }
    if (octet > 0x7e || octet < 0x20) throw refused(nonAscii(octet))
    if (octet === 0x5c) {
      octet = unescape(text, i)
      i += isDigit(text.charCodeAt(i + 1)) ? 3 : 1
    }
    if (at >= MAX_NAME) throw refused('is longer than 255 octets')
    encoded[at++] = octet
  }
  return endName(endLabel(label, at))
}

/** 1 for octets that stand for themselves in presentation form. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, octet) =>
  Number(octet > 0x20 && octet < 0x7f && !ESCAPED.has(octet)),
)
const scratch = Buffer.alloc(MAX_NAME)

/**
 * The presentation form of the name at `at`, following compression pointers; without a trailing dot, the root is `'.'`.
 * Octets that a zone file would misread come escaped: `\.` `\\` `\"`, and `\DDD` below 0x21 and above 0x7E.
 *
 * @throws {MalformedMessageError} the name runs past the end, loops, is too long, or uses a reserved label type
 */
export function nameFromWire(wire: Buffer, at: number): string {
  return plainText(wire, at) ?? anyText(wire, at)
}

/** The text of a name that needs no escapes, in one pass; null for any other, well formed or not. */
function plainText(wire: Buffer, at: number): string | null {
  let pos = at
  let size = 0
  let before = at
  for (;;) {
    const length = wire[pos]
    if (length === undefined) return null
    if (length === 0) return size === 0 ? '.' : scratch.toString('latin1', 0, size)
    if (length >= 0xc0) {
      pos = ((length & 0x3f) << 8) | (wire[pos + 1] ?? 0xff)
      if (pos >= before) return null
      before = pos
    } else {
      if (length > MAX_LABEL || size + length + 1 >= MAX_NAME) return null
      if (size > 0) scratch[size++] = 0x2e
      for (const end = pos++ + length; pos <= end; pos++) {
        const octet = wire[pos]
        if (octet === undefined || PLAIN[octet] === 0) return null
        scratch[size++] = octet
      }
    }
  }
}

function anyText(wire: Buffer, at: number): string {
  const name = wireHasPointer(wire, at) ? expandName(wire, at) : wire
  let text = ''
  let pos = name === wire ? at : 0
  for (let length = octetAt(name, pos); length !== 0; length = octetAt(name, pos)) {
    if (pos + length >= name.length) throw runsPast()
    text += text === '' ? labelText(name, pos + 1, length) : `.${labelText(name, pos + 1, length)}`
    pos += length + 1
  }
  return text === '' ? '.' : text
}

/**
 * The offset just past the name at `at`. Compression pointers end a name and are not followed.
 *
 * @throws {MalformedMessageError} the name runs past the end or uses a reserved label type
 */
export function skipName(wire: Buffer, at: number): number {
  let pos = at
  for (;;) {
    const length = octetAt(wire, pos)
    if (length === 0) return pos + 1
    if (length >= 0xc0) return pos + 2
    if (length > MAX_LABEL) throw new MalformedMessageError('name uses a reserved label type')
    pos += length + 1
  }
}

/**
 * Whether two names are the same: pointers followed, ASCII letters compared without case and other octets as they are
 * (RFC 4343, section 3). False too where either can't be read.
 */
export function sameName(a: Buffer, atA: number, b: Buffer, atB: number): boolean {
  let posA = atA
  let posB = atB
  for (let size = 1; size <= MAX_NAME;) {
    posA = labelAt(a, posA)
    posB = labelAt(b, posB)
    if (posA < 0 || posB < 0) return false
    if (a === b && posA === posB) return true
    const length = a[posA]!
    if (length !== b[posB]) return false
    if (length === 0) return true
    if (!sameOctets(a, posA + 1, b, posB + 1, length)) return false
    size += length + 1
    posA += length + 1
    posB += length + 1
  }
  return false
}

/**
 * The octets of the name at `at` without compression.
 *
 * @throws {MalformedMessageError} the name runs past the end, loops, is too long, or uses a reserved label type
 */
function expandName(wire: Buffer, at: number): Buffer {
  const out = Buffer.allocUnsafe(MAX_NAME)
  let size = 0
  let pos = at
  for (;;) {
    pos = labelAt(wire, pos)
    if (pos < 0) throw new MalformedMessageError('name has a bad compression pointer or runs past the end')
    const length = wire[pos]!
    if (size + length + 1 > MAX_NAME) throw new MalformedMessageError('name is longer than 255 octets')
    if (pos + length >= wire.length) throw runsPast()
    for (const past = pos + length; pos <= past; pos++) out[size++] = wire[pos]!
    if (length === 0) return out.subarray(0, size)
  }
}

/**
 * The offset of the label that is read at `at`, pointers followed; -1 where there is none. Pointers must lead
 * backwards, at most 127 of them (RFC 1035, section 4.1.4).
 */
export function labelAt(wire: Buffer, at: number): number {
  let pos = at
  for (let hops = 0; hops <= MAX_HOPS; hops++) {
    if (pos >= wire.length) return -1
    const length = wire[pos]!
    if (length <= MAX_LABEL) return pos
    if (length < 0xc0 || pos + 1 >= wire.length) return -1
    const target = ((length & 0x3f) << 8) | wire[pos + 1]!
    if (target >= pos) return -1
    pos = target
  }
  return -1
}

/** Whether `length` octets are the same, ASCII letters compared without case. Both ranges may run past the end: then not. */
export function sameOctets(a: Buffer, atA: number, b: Buffer, atB: number, length: number): boolean {
  if (atA + length > a.length || atB + length > b.length) return false
  for (let i = 0; i < length; i++) {
    const x = a[atA + i]!
    const difference = x ^ b[atB + i]!
    if (difference === 0) continue
    if (difference !== 0x20) return false
    const letter = x | 0x20
    if (letter < 0x61 || letter > 0x7a) return false
  }
  return true
}

/** Turns ASCII letters to lower case, in place. Length octets of labels are no letters. */
function lowerCase(octets: Buffer): Buffer {
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i]!
    if (octet >= 0x41 && octet <= 0x5a) octets[i] = octet | 0x20
  }
  return octets
}

/** Names of one message as strings that are the same when the names are, whatever their case; each place is read once. */
export class NameKeys {
  readonly #wire: Buffer
  readonly #keys = new Map<number, string>()

  constructor(wire: Buffer) {
    this.#wire = wire
  }

  /**
   * The name at `at`: its octets as latin1, ASCII letters in lower case.
   *
   * @throws {MalformedMessageError} it can't be read
   */
  of(at: number): string {
    const place = labelAt(this.#wire, at)
    const known = this.#keys.get(place)
    if (known !== undefined) return known
    const key = lowerCase(expandName(this.#wire, at)).toString('latin1')
    this.#keys.set(place, key)
    return key
  }
}

function wireHasPointer(wire: Buffer, at: number): boolean {
  let pos = at
  for (let size = 0; size < MAX_NAME;) {
    const length = octetAt(wire, pos)
    if (length === 0) return false
    if (length > MAX_LABEL) return true
    pos += length + 1
    size += length + 1
  }
  return true
}

function labelText(wire: Buffer, at: number, length: number): string {
  for (let i = at; i < at + length; i++) {
    const octet = wire[i]!
    if (octet < 0x21 || octet > 0x7e || ESCAPED.has(octet)) return escapedText(wire, at, length)
  }
  return wire.toString('latin1', at, at + length)
}

function escapedText(wire: Buffer, at: number, length: number): string {
  let text = ''
  for (let i = at; i < at + length; i++) {
    const octet = wire[i]!
    if (octet < 0x21 || octet > 0x7e) text += `\\${String(octet).padStart(3, '0')}`
    else text += ESCAPED.has(octet) ? `\\${String.fromCharCode(octet)}` : String.fromCharCode(octet)
  }
  return text
}

function endLabel(label: number, at: number): number {
  const length = at - label - 1
  if (length === 0) throw refused('has an empty label')
  if (length > MAX_LABEL) throw refused('has a label longer than 63 octets')
  encoded[label] = length
  return at
}

function endName(at: number): number {
  if (at >= MAX_NAME) throw refused('is longer than 255 octets')
  encoded[at] = 0
  return at + 1
}

function unescape(text: string, at: number): number {
  const next = text.charCodeAt(at + 1)
  if (Number.isNaN(next)) throw refused('ends in a backslash')
  if (!isDigit(next)) {
    if (next > 0x7e || next < 0x20) throw refused(nonAscii(next))
    return next
  }
  const digits = text.slice(at + 1, at + 4)
  const octet = Number(digits)
  if (!/^\d{3}$/.test(digits) || octet > 255)
    throw refused(`has a bad escape \\${digits}: three digits up to 255 are allowed`)
  return octet
}

function isDigit(octet: number): boolean {
  return octet >= 0x30 && octet <= 0x39
}

function nonAscii(octet: number): string {
  return octet > 0x7e
    ? 'is not ASCII: give an internationalised name in its xn-- form, other octets as \\DDD'
    : 'has a control character: give it as \\DDD'
}

function refused(problem: string): MalformedMessageError {
  return new MalformedMessageError(`name ${problem}`)
}

function runsPast(): MalformedMessageError {
  return new MalformedMessageError('name runs past the end')
}

function octetAt(wire: Buffer, at: number): number {
  if (at >= wire.length) throw runsPast()
  return wire[at]!
}
