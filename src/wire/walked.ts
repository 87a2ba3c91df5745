import { MalformedMessageError } from '../errors.js'
import { hasOption } from './edns.js'
import { Header } from './header.js'
import { questionKey } from './question.js'
import { endOfQuestion, found, HEADER, lastFault, MARK, walk, type Layout } from './walk.js'

/** A message with what one {@link walk} finds, which is done when something of that is first read. */
export class Walked extends Header implements Readonly<Layout> {
  #questionEnd = 0
  #answersEnd = 0
  #authorityEnd = 0
  #end = 0
  #opt = 0
  #marks = 0
  #minTtl = 0
  #key: string | null = null

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

  /** The offset just past the authority section. @throws {MalformedMessageError} the message is malformed @internal */
  get authorityEnd(): number {
    this.guard()
    return this.#authorityEnd
  }

  /** The offset just past the last record. @throws {MalformedMessageError} the message is malformed @internal */
  get end(): number {
    this.guard()
    return this.#end
  }

  /** The offset of the OPT record; 0 when there is none. @throws {MalformedMessageError} the message is malformed @internal */
  get opt(): number {
    this.guard()
    return this.#opt
  }

  /** What {@link MARK} says of it. @throws {MalformedMessageError} the message is malformed @internal */
  get marks(): number {
    this.guard()
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

  /** @internal */
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
