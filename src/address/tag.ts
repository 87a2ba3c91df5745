import { show } from '../base/options.js'
import { InvalidAddressError } from '../errors.js'

const ACCEPTED = 'text or an object such as { addr: "1.1.1.1:53", tag: "cloudflare" }'

/** An address without its tag, and the tag. */
export interface Tagged {
  readonly addr: string
  readonly tag: string | null
}

/**
 * Takes `address|tag` or `{ addr, tag }` apart; the tag is null when there is none.
 *
 * @throws {InvalidAddressError} it is neither, or the tag is not usable as a name
 */
export function splitTag(input: unknown): Tagged {
  if (typeof input === 'string') return splitTagOff(input)
  const { addr, tag } = (typeof input === 'object' && input !== null ? input : {}) as { addr?: unknown; tag?: unknown }
  if (typeof addr !== 'string') throw new InvalidAddressError(show(input), `must be ${ACCEPTED}`)
  const parts = splitTagOff(addr)
  if (tag === undefined || tag === null) return parts
  if (typeof tag !== 'string') throw new InvalidAddressError(addr, `has the tag ${show(tag)}; a tag is text`)
  if (parts.tag !== null && parts.tag !== tag)
    throw new InvalidAddressError(addr, `has two tags: the other is ${show(tag)}`)
  return { addr: parts.addr, tag: readTag(addr, tag) }
}

function splitTagOff(text: string): Tagged {
  const bar = text.indexOf('|')
  return bar < 0 ? { addr: text, tag: null } : { addr: text.slice(0, bar), tag: readTag(text, text.slice(bar + 1)) }
}

/** Tags end up in logs and metrics: nothing in them may pass for a line end or an escape sequence. */
function readTag(input: string, tag: string): string {
  if (tag === '' || tag.length > 64 || tag !== tag.trim() || /[|,\p{C}\p{Zl}\p{Zp}]/u.test(tag)) {
    throw new InvalidAddressError(
      input,
      `has the tag ${show(tag)}; a tag is 1 to 64 printable characters without "|" and ","`,
    )
  }
  return tag
}
