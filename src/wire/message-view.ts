import { MalformedMessageError } from '../errors.js'
import { hasOption } from './edns.js'
import { questionKey } from './question.js'
import { endOfQuestion, found, HEADER, lastFault, MARK, walk, type Layout } from './walk.js'

/**
 * A message read in place: the header (RFC 1035, section 4.1.1; RFC 6895, section 2), and what one {@link walk} finds, which is
 * done when something of that is first read.
 */
export class MessageView {
  /** The octets. Not to be written to. */
  readonly wire: Buffer
  #questionEnd = 0
  #answersEnd = 0
  #authorityEnd = 0
  #end = 0
  #opt = 0
  #marks = 0
  #minTtl = 0
  #key: string | null = null

  /**
   * Takes `wire` over, and checks only that there is a header; the rest is checked when it is first needed.
   *
   * @throws {MalformedMessageError} shorter than the 12-octet header
   */
  constructor(wire: Buffer) {
    if (wire.length < HEADER) throw new MalformedMessageError('message is shorter than its header')
    this.wire = wire
  }

  /** Message ID. It belongs to one hop: whoever sends the message stamps its own. */
  get id(): number {
    return (this.wire[0]! << 8) | this.wire[1]!
  }

  /** QR. */
  get isReply(): boolean {
    return (this.wire[2]! & 0x80) !== 0
  }

  get opcode(): number {
    return (this.wire[2]! >> 3) & 15
  }

  /** AA. */
  get authoritative(): boolean {
    return (this.wire[2]! & 4) !== 0
  }

  /** TC. */
  get truncated(): boolean {
    return (this.wire[2]! & 2) !== 0
  }

  /** RD. */
  get recursionDesired(): boolean {
    return (this.wire[2]! & 1) !== 0
  }

  /** RA. */
  get recursionAvailable(): boolean {
    return (this.wire[3]! & 0x80) !== 0
  }

  /** AD (RFC 4035, section 3.1.6). */
  get authenticData(): boolean {
    return (this.wire[3]! & 0x20) !== 0
  }

  /** CD (RFC 4035, section 3.1.6). */
  get checkingDisabled(): boolean {
    return (this.wire[3]! & 0x10) !== 0
  }

  /** Whether the answer section has records. */
  get hasData(): boolean {
    return (this.wire[6]! | this.wire[7]!) !== 0
  }

  /**
   * The response code, its upper 8 bits from the OPT record where there is one (RFC 6891, section 6.1.3).
   *
   * @throws {MalformedMessageError} the message has additional records and is malformed
   */
  get rcode(): number {
    const low = this.wire[3]! & 15
    return this.hasOpt ? (this.wire[this.#opt + 5]! << 4) | low : low
  }

  /**
   * Whether there is an OPT record.
   *
   * @throws {MalformedMessageError} the message has additional records and is malformed
   */
  get hasOpt(): boolean {
    if (this.#marks === 0 && (this.wire[10]! | this.wire[11]!) !== 0) this.guard()
    return this.#opt !== 0
  }

  /**
   * Whether the OPT record has options.
   *
   * @throws {MalformedMessageError} the message has additional records and is malformed
   * @internal
   */
  get hasOptions(): boolean {
    return this.hasOpt && (this.wire[this.#opt + 9]! | this.wire[this.#opt + 10]!) !== 0
  }

  /**
   * Whether the OPT record has an option of this code, which costs less than reading them all does.
   *
   * @throws {MalformedMessageError} the message has additional records and is malformed
   * @internal
   */
  hasOption(code: number): boolean {
    return this.hasOpt && hasOption(this.wire, this.#opt, code)
  }

  /** QTYPE; 0 without a question. @throws {MalformedMessageError} the question is malformed */
  get qtype(): number {
    const end = this.questionEnd
    return end === HEADER ? 0 : (this.wire[end - 4]! << 8) | this.wire[end - 3]!
  }

  /** QCLASS; 0 without a question. @throws {MalformedMessageError} the question is malformed */
  get qclass(): number {
    const end = this.questionEnd
    return end === HEADER ? 0 : (this.wire[end - 2]! << 8) | this.wire[end - 1]!
  }

  /** The offset just past the question; 12 when there is none. @throws {MalformedMessageError} the question is malformed */
  get questionEnd(): number {
    if (this.#questionEnd === 0) {
      const end = endOfQuestion(this.wire)
      if (end < 0) throw new MalformedMessageError(`message ${lastFault()}`)
      this.#questionEnd = end
    }
    return this.#questionEnd
  }

  /**
   * The identity of the question, for caching, coalescing and hashing: the octets of QNAME with ASCII letters in lower
   * case, QTYPE and QCLASS, as latin1. Names that differ in octets never share one, whatever they look like as text.
   *
   * @throws {MalformedMessageError} the question is malformed
   */
  get questionKey(): string {
    return (this.#key ??= questionKey(this.wire, this.questionEnd))
  }

  /** The offset just past the answer section. @throws {MalformedMessageError} the message is malformed @internal */
  get answersEnd(): number {
    this.guard()
    return this.#answersEnd
  }

  /** The offset just past the authority section, once {@link guard} was called. @internal */
  protected get authorityEnd(): number {
    return this.#authorityEnd
  }

  /** The offset just past the last record, once {@link guard} was called. @internal */
  protected get end(): number {
    return this.#end
  }

  /** The offset of the OPT record, 0 when there is none, once {@link guard} was called. @internal */
  protected get opt(): number {
    return this.#opt
  }

  /** What {@link MARK} says of it; 0 until {@link guard} was called. @internal */
  protected get marks(): number {
    return this.#marks
  }

  /** DO: DNSSEC records are welcome (RFC 3225). @throws {MalformedMessageError} the message is malformed */
  get dnssecOk(): boolean {
    return this.hasOpt && (this.wire[this.#opt + 7]! & 0x80) !== 0
  }

  /** Whether the last record is TSIG (RFC 8945) or SIG(0) (RFC 2931). @throws {MalformedMessageError} the message is malformed */
  get signed(): boolean {
    this.guard()
    return (this.#marks & MARK.SIGNED) !== 0
  }

  /** Whether the authority section has an SOA record. @throws {MalformedMessageError} the message is malformed */
  get hasSoa(): boolean {
    this.guard()
    return (this.#marks & MARK.SOA) !== 0
  }

  /** The lowest TTL of any record but OPT, TSIG and SIG(0), seconds; 0 when there is none. @throws {MalformedMessageError} the message is malformed */
  get minTtl(): number {
    this.guard()
    return this.#minTtl
  }

  /** Where the parts are. @throws {MalformedMessageError} the message is malformed @internal */
  get layout(): Layout {
    this.guard()
    return {
      questionEnd: this.#questionEnd,
      answersEnd: this.#answersEnd,
      authorityEnd: this.#authorityEnd,
      end: this.#end,
      opt: this.#opt,
      marks: this.#marks,
      minTtl: this.#minTtl,
    }
  }

  /**
   * Walks the whole message, the first time it is called: counts against what there is room for, lengths, names and
   * their compression pointers (strictly backwards, at most 127), names in known RDATA, at most one OPT record.
   *
   * @throws {MalformedMessageError} what is wrong
   */
  guard(): void {
    if (this.#marks !== 0) return
    const fault = walk(this.wire, this.#questionEnd)
    if (fault !== '') throw new MalformedMessageError(`message ${fault}`)
    this.adopt()
  }

  /** Takes over what the last walk found. @internal */
  protected adopt(): void {
    this.#questionEnd = found.questionEnd
    this.#answersEnd = found.answersEnd
    this.#authorityEnd = found.authorityEnd
    this.#end = found.end
    this.#opt = found.opt
    this.#marks = found.marks
    this.#minTtl = found.minTtl
  }

  /** It was looked at more closely, and `mark` is not so. @internal */
  protected unmark(mark: number): void {
    this.#marks &= ~mark
  }
}
