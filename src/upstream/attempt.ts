import { CancelScope } from '../base/cancel.js'
import type { DnsError } from '../errors.js'
import { CANCELLED, MalformedMessageError, TimeoutError } from '../errors.js'
import type { ExchangeContext, Query, Reply, TransportName } from '../exchanger.js'
import { narrow } from '../query/context.js'
import type { Asking } from '../query/sink.js'
import { Pending } from '../transport/pending.js'
import type { Transport } from '../transport/transport.js'
import { RCODE } from '../wire/constants.js'
import type { Message } from '../wire/message.js'
import { NO_SUBNET, type Subnet } from '../wire/subnet.js'
import type { Ending, Owner } from './attempt-owner.js'
import { TcpLeg } from './tcp-leg.js'

/** Transmissions of one query to one server over UDP (RFC 9520, section 3.1). */
const MAX_SENDS = 3
/** Replies that didn't match after which UDP isn't trusted alone (RFC 5452, section 9.3). */
const MAX_MISMATCHES = 3
/** The least time between two retransmissions, in ms. */
const MIN_SPACING = 15

// Of an attempt's flags: together, since ten thousand attempts may be out at once.
const LATE = 1
const OVER = 2
/** TCP has been asked, which happens once, and once more if UDP then brings a truncated reply. */
const ASKED_TCP = 4
const DETOUR = 8
/** It failed with the network that it began on, and was sent anew. */
const MOVED = 16

/**
 * Asking one upstream once. It owns the attempt's time: when it is late, when UDP is sent again (RFC 9520), when TCP
 * is asked as well (TC=1, three sends lost, three mismatches) and when it is over.
 */
export class Attempt extends Pending {
  readonly ctx: ExchangeContext
  /** What it goes over; a client's TCP that the server doesn't have becomes UDP. */
  kind: TransportName
  readonly #owner: Owner
  readonly #asking: Asking
  #sends = 0
  /** When it was last sent again, in ms after {@link started}. */
  #sentAfter = 0
  #flags = 0
  #tcp: TcpLeg | null = null
  #truncated: Message | null = null

  constructor(owner: Owner, kind: TransportName, query: Query, ctx: ExchangeContext, asking: Asking) {
    // Whole milliseconds stay off the heap.
    super(query.message, Math.ceil(Math.min(asking.deadline, asking.started + (asking.timeout ?? owner.timeout))))
    this.#owner = owner
    this.kind = kind
    this.ctx = ctx
    this.#asking = asking
    // A client that wants DNSSEC is better told that this server can't than sent a reply without it.
    this.edns = owner.ednsOk() || query.message.dnssecOk
    if (owner.subnets !== null && this.edns && ctx.purpose === 'query') this.subnet = owner.subnets.for(query.message)
  }

  /** Clock time when it began, in ms. */
  get started(): number {
    return this.#asking.started
  }

  /** Whether the upstream's RTO has passed without a reply. */
  get late(): boolean {
    return (this.#flags & LATE) !== 0
  }

  get #over(): boolean {
    return (this.#flags & OVER) !== 0
  }

  /** Whether the reply came another way than the query went first, so that it says nothing of round trips. */
  get detoured(): boolean {
    return (this.#flags & DETOUR) !== 0
  }

  /** When it was last sent, in ms after {@link started}; 0 if it was sent once. */
  get resentAfter(): number {
    return this.#sentAfter
  }

  /** What a user's own exchanger is given. */
  get narrowed(): ExchangeContext {
    const scope = new CancelScope()
    scope.attach(this)
    return narrow(this.ctx, this.deadline, this.#asking.attach(scope) ? scope : null, undefined)
  }

  /** Sends the query. Whatever happens after, `asking` is told one end, once. */
  begin(): void {
    const { deadlines } = this.#owner
    deadlines.set(this, Math.min(this.started + this.#owner.rto(), this.deadline))
    this.#asking.attach(this)
    if (!this.#over) this.#send('first')
  }

  override ring(now: number): void {
    if (now >= this.deadline) return this.#fail(this.#truncated === null ? this.#timedOut(now) : null)
    if (!this.late) {
      this.#flags |= LATE
      this.#owner.late(this)
    }
    if (this.kind === 'udp' && this.#truncated === null) this.#repeat(now)
    const next = this.kind === 'udp' && (this.#flags & ASKED_TCP) === 0 ? now + this.#spacing(now) : this.deadline
    this.#owner.deadlines.set(this, Math.min(next, this.deadline))
  }

  /** From one transmission to the next, the last of which is TCP's: it needs time for a connection and a round trip. */
  #spacing(now: number): number {
    const spread = this.#owner.spread() * 2 ** Math.max(0, this.#sends - 2)
    return Math.max(MIN_SPACING, Math.min(spread, (this.deadline - now) / 3))
  }

  override onReply(reply: Message, age: number): void {
    if (this.#over) return
    this.channel = null
    if (reply.truncated && this.kind === 'udp') {
      this.#truncated = reply
      this.#askTcp('truncated')
    } else if (this.edns && this.#refusesEdns(reply)) {
      this.#leaveOutEdns()
      this.#send('without EDNS')
    } else if (refusesSubnet(this.subnet, reply)) {
      this.subnet = NO_SUBNET
      this.#send('without subnet')
    } else this.#succeed(reply, age)
  }

  override onFailure(error: DnsError): void {
    this.channel = null
    if (this.#over || this.#tcp !== null) return
    if (this.started < this.#owner.epochAt() && (this.#flags & MOVED) === 0) return this.#move()
    const other = this.kind === this.#owner.transport ? null : this.#owner.fallback(this.kind, error)
    if (other === null) this.#fail(error)
    else this.#turnTo(other)
  }

  override onMismatch(): void {
    if (this.mismatches >= MAX_MISMATCHES && this.kind === 'udp') this.#askTcp('fallback')
  }

  override cancel(): void {
    if (this.#over) return
    this.#end('cancelled', null, CANCELLED)
    this.#asking.onFailure(CANCELLED)
  }

  /** A user's own exchanger answered, in place of a transport. */
  onExchanged(reply: Reply): void {
    if (this.#over) return
    const message = this.#known(reply.message)
    this.#end('reply', message, null)
    this.#asking.onReply(
      reply.upstream === null || message !== reply.message
        ? { message, upstream: reply.upstream ?? this.#owner.name, age: reply.age }
        : reply,
    )
  }

  /** @internal The TCP leg of a UDP attempt got `reply`. */
  onTcpReply(reply: Message): void {
    if (this.#over) return
    this.#flags |= DETOUR
    if (reply.truncated) {
      this.onTcpFailure(new MalformedMessageError(`${this.#owner.name} truncated its reply over TCP`))
    } else if (this.#tcp?.edns === true && this.#refusesEdns(reply)) {
      this.#leaveOutEdns()
      this.#sendLegAnew()
    } else if (refusesSubnet(this.#tcp?.subnet ?? null, reply)) {
      this.subnet = NO_SUBNET
      this.#sendLegAnew()
    } else this.#succeed(reply, 0)
  }

  /** @internal The TCP leg failed; UDP is still listened to unless its reply was the truncated one. */
  onTcpFailure(error: DnsError): void {
    this.#leaveTcp(true)
    if (!this.#over && (this.#truncated !== null || this.channel === null)) this.#fail(error)
  }

  /**
   * TCP came first for its client's sake, and the server has none: what fits UDP is better than SERVFAIL. Or the
   * resolver that was designated is gone, and the one that was asked for is not.
   */
  #turnTo(kind: TransportName): void {
    const now = this.#owner.now()
    this.kind = kind
    this.#flags |= DETOUR
    if (kind === 'udp' && this.late) this.#owner.deadlines.set(this, Math.min(now + this.#spacing(now), this.deadline))
    this.#send('fallback')
  }

  /** A failure of the network that was says nothing of the one that is: once more, free of charge. */
  #move(): void {
    this.#flags |= MOVED
    this.#send('new network')
  }

  #send(why: 'first' | 'without EDNS' | 'without subnet' | 'fallback' | 'new network'): void {
    this.#note(this.kind, why)
    const transport = this.#owner.route(this.kind)
    if (transport === null) {
      this.#owner.prepare(this.kind).then(
        (prepared) => this.#sendOn(prepared),
        (error: unknown) => this.onFailure(error as DnsError),
      )
    } else this.#sendOn(transport)
  }

  #sendOn(transport: Transport): void {
    if (this.#over) return
    this.#sends = 1
    transport.send(this)
  }

  #repeat(now: number): void {
    if (this.channel === null) return
    if (this.#sends >= MAX_SENDS) return this.#askTcp('fallback')
    this.#sends++
    this.#sentAfter = Math.round(now - this.started)
    this.#note('udp', 'retransmit')
    this.channel.resend?.(this)
  }

  #askTcp(why: 'truncated' | 'fallback'): void {
    if (this.#over || this.#tcp !== null) return
    // A truncated reply needs TCP even where it could not stand in for UDP before.
    if (why === 'fallback' && (this.#flags & ASKED_TCP) !== 0) return
    this.#flags |= ASKED_TCP
    if (!this.#owner.takeTcp(why === 'truncated')) return
    this.#note('tcp', why)
    this.#sendLeg()
  }

  #sendLegAnew(): void {
    // What was asked over UDP in the same way gets the same refusal.
    this.channel?.drop(this)
    this.#sendLeg()
  }

  #sendLeg(): void {
    const leg = (this.#tcp = new TcpLeg(this, this.query, this.deadline))
    const transport = this.#owner.route('tcp')
    if (transport !== null) return transport.send(leg)
    this.#owner.prepare('tcp').then(
      (prepared) => {
        if (!this.#over) prepared.send(leg)
      },
      (error: unknown) => this.onTcpFailure(error as DnsError),
    )
  }

  #leaveTcp(failed: boolean): void {
    const leg = this.#tcp
    if (leg === null) return
    this.#tcp = null
    leg.cancel()
    this.#owner.giveTcp(failed)
  }

  /** FORMERR or NOTIMP without an OPT of its own: such a server is asked once more without ours (RFC 6891, section 7). */
  #refusesEdns(reply: Message): boolean {
    const { rcode } = reply
    return (
      (rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP) &&
      reply.edns === null &&
      !this.query.signed &&
      !this.query.dnssecOk
    )
  }

  #leaveOutEdns(): void {
    this.edns = false
    this.subnet = null
  }

  /** What a reply says of a network that it wasn't asked about, nobody need know (RFC 7871, section 7.2.1). */
  #known(reply: Message): Message {
    return this.subnet === null ? reply.withoutSubnet() : reply
  }

  #succeed(reply: Message, age: number): void {
    if (!this.edns && this.#owner.ednsOk()) this.#owner.refusesEdns()
    const message = this.#known(reply.scrubbed())
    this.#end('reply', message, null)
    this.#asking.onReply({ message, upstream: this.#owner.name, age })
  }

  /** A truncated reply in hand is better than none: it goes out as a reply, though the attempt has failed. */
  #fail(error: DnsError | null): void {
    const truncated = this.#truncated
    const cause = error ?? this.#timedOut(this.#owner.now())
    this.#end('failure', null, cause)
    if (truncated === null) this.#asking.onFailure(cause)
    else this.#asking.onReply({ message: truncated, upstream: this.#owner.name, age: 0 })
  }

  #timedOut(now: number): TimeoutError {
    const why = this.#owner.route(this.kind) === null ? 'its address was not found in time' : ''
    return new TimeoutError(this.#owner.name, now - this.started, why)
  }

  #end(ending: Ending, reply: Message | null, error: DnsError | null): void {
    this.#flags |= OVER
    this.#owner.deadlines.clear(this)
    this.channel?.drop(this)
    this.#leaveTcp(false)
    this.#owner.ended(this, ending, reply, error)
  }

  #note(
    transport: TransportName,
    why: 'first' | 'retransmit' | 'truncated' | 'fallback' | 'without EDNS' | 'without subnet' | 'new network',
  ): void {
    const { trace, client } = this.ctx
    if (trace === null) return
    const overTcp = why === 'first' && transport === 'tcp' && client?.transport === 'tcp'
    trace.add({ step: 'send', upstream: this.#owner.name, transport, why: overTcp ? 'client used TCP' : why })
  }
}

/** A server that doesn't do this for us is asked once more, without an address (RFC 7871, section 7.1.3). */
function refusesSubnet(sent: Subnet | null, reply: Message): boolean {
  return sent !== null && sent.source > 0 && reply.rcode === RCODE.REFUSED
}
