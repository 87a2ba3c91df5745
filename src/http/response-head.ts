import { HeaderSection } from './header-section.js'

const STATUS = /^[1-9][0-9][0-9]$/

/** The header section of a response, or its trailer section. */
export class ResponseHead extends HeaderSection {
  /** 0 until `:status` came; always 0 of a trailer section. */
  status = 0

  /** Whether it can begin a response. @returns what is wrong, or null */
  faultAsHead(): string | null {
    return this.fault ?? (this.status === 0 ? 'no :status' : null)
  }

  /** Whether it can end a response: no pseudo-fields (RFC 9113, section 8.1). @returns what is wrong, or null */
  faultAsTrailers(): string | null {
    return this.fault ?? (this.status === 0 ? null : 'a pseudo-field among the trailers')
  }

  protected override pseudo(name: string, value: string): void {
    if (name !== ':status') this.fault = 'a pseudo-field that no response has'
    else if (this.isPastPseudo || this.status !== 0) this.fault = ':status twice, or after another field'
    else if (!STATUS.test(value)) this.fault = 'a :status that is no status'
    else this.status = Number(value)
  }
}
