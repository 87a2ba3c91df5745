import { systemClock, type Clock } from '../../src/base/clock.js'
import type { DnsError } from '../../src/errors.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { Pending } from '../../src/transport/pending.js'
import type { Transport, TransportOptions } from '../../src/transport/transport.js'
import { Message } from '../../src/wire/message.js'

/** Options of a transport to `port` on loopback. */
export function optionsFor(port: number, options: Partial<TransportOptions> = {}): TransportOptions {
  return {
    name: 'test',
    addresses: ['127.0.0.1'],
    port,
    source: () => null,
    host: '127.0.0.1',
    path: null,
    method: 'POST',
    tls: null,
    padding: true,
    keepalive: false,
    clock: systemClock,
    random: Math.random,
    sockets: 8,
    udpPayloadSize: 1232,
    idleTimeout: 10_000,
    connectTimeout: 2000,
    onConnect: null,
    onDisconnect: null,
    ...options,
  }
}

/** Timers are virtual; what waits for sockets is not. */
export function halfFake(fake = new FakeClock()): Clock & { readonly fake: FakeClock } {
  return {
    fake,
    now: fake.now,
    wall: fake.wall,
    setTimeout: fake.setTimeout,
    clearTimeout: fake.clearTimeout,
    afterPoll: systemClock.afterPoll,
  }
}

/** A query in flight whose end is a promise. */
export class Asked extends Pending {
  readonly ended: Promise<Message>
  settlements = 0
  noticed = 0
  #resolve: (reply: Message) => void = () => undefined
  #reject: (error: DnsError) => void = () => undefined

  constructor(name = 'example.com', type = 'A') {
    super(Message.query(name, type), Infinity)
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.ended.catch(() => undefined)
  }

  override ring(): void {
    throw new Error('no deadline was set')
  }
  override onReply(reply: Message): void {
    this.settlements++
    this.#resolve(reply)
  }
  override onFailure(error: DnsError): void {
    this.settlements++
    this.#reject(error)
  }
  override onMismatch(): void {
    this.noticed++
  }
  override cancel(): void {
    this.channel?.drop(this)
  }
  resend(): void {
    this.channel?.resend?.(this)
  }
}

/** Sends one query. */
export function ask(transport: Transport, name?: string, type?: string): Asked {
  const asked = new Asked(name, type)
  transport.send(asked)
  return asked
}

/** Resolves once `condition` holds; looks after each turn of the loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

/** Counts what passes through a function that makes sockets. */
export class Sockets {
  opened = 0
  closed = 0

  count<T extends { once(event: 'close', listener: () => void): unknown }>(socket: T): T {
    this.opened++
    socket.once('close', () => this.closed++)
    return socket
  }
}
