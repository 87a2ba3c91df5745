import { Buffer } from 'node:buffer'
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/** Why a request is turned away. */
export interface Refusal {
  readonly status: 401 | 403 | 421
  readonly text: string
}

/** Who may look and who may act. */
export class Access {
  readonly #token: Buffer | null
  readonly #hosts: readonly string[]

  /**
   * @param token what lets in who isn't on this machine, and what actions need; null: nobody, and none
   * @param hosts names that the page may be asked for by, beside `localhost` and any IP address
   */
  constructor(token: string | null, hosts: readonly string[]) {
    this.#token = token === null ? null : digest(token)
    this.#hosts = hosts.map((host) => host.toLowerCase())
  }

  /** Why `request` may not even look; null if it may. */
  refusalToLook(request: IncomingMessage): Refusal | null {
    // A page elsewhere whose name is made to point here is read by its own script (DNS rebinding): its name gives it away.
    if (!this.#isOurName(request.headers.host))
      return { status: 421, text: 'This name is not one that the page may be asked for by (option "hosts").' }
    if (isFromHere(request)) return null
    if (this.#token === null) return { status: 403, text: 'Only from this machine, while there is no token.' }
    return this.#isToken(bearer(request) ?? basicPassword(request))
      ? null
      : { status: 401, text: 'The token is needed: as a bearer, or as the password of any user.' }
  }

  /** Why `request` may not act; null if it may. A browser sends a password by itself, wherever a page comes from: that isn't enough. */
  refusalToAct(request: IncomingMessage): Refusal | null {
    if (this.#token === null) return { status: 403, text: 'There is no token, and so there are no actions.' }
    return this.#isToken(bearer(request))
      ? null
      : { status: 401, text: 'Authorization: Bearer with the token is needed.' }
  }

  #isToken(given: string | null): boolean {
    return given !== null && this.#token !== null && timingSafeEqual(digest(given), this.#token)
  }

  #isOurName(host: string | undefined): boolean {
    if (host === undefined) return false
    const name = host.replace(/:\d{1,5}$/, '').toLowerCase()
    const address = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name
    if (isIP(address) !== 0) return true
    return name === 'localhost' || name.endsWith('.localhost') || this.#hosts.includes(name)
  }
}

/** Whether `address` is of this machine alone. */
export function isLoopback(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:/, '')
  return plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'))
}

/** A proxy on this machine may stand for anybody: what it forwards isn't from here. */
function isFromHere({ socket, headers }: IncomingMessage): boolean {
  if (headers.forwarded !== undefined || headers['x-forwarded-for'] !== undefined) return false
  // Without an address it is a socket of the file system.
  return socket.remoteAddress === undefined || isLoopback(socket.remoteAddress)
}

function bearer({ headers: { authorization = '' } }: IncomingMessage): string | null {
  return /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? null
}

function basicPassword({ headers: { authorization = '' } }: IncomingMessage): string | null {
  const coded = /^basic +(\S+)$/i.exec(authorization)?.[1]
  if (coded === undefined) return null
  const text = Buffer.from(coded, 'base64').toString()
  return text.includes(':') ? text.slice(text.indexOf(':') + 1) : null
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
