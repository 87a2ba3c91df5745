/** The symbol that ends no string: in a string it is an error (RFC 7541, section 5.2). */
export const EOS = 256

/**
 * Length in bits of the code of each octet, then of EOS (RFC 7541, appendix B). The code is canonical: shorter codes
 * first and equal lengths in the order of the symbols, so that the lengths say all of it.
 */
export const CODE_LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
]

/** The code of each symbol, right-aligned in {@link CODE_LENGTHS} bits. */
export const CODES: readonly number[] = canonicalCodes()

function canonicalCodes(): number[] {
  const symbols = CODE_LENGTHS.map((_, symbol) => symbol)
  symbols.sort((a, b) => CODE_LENGTHS[a]! - CODE_LENGTHS[b]! || a - b)
  const codes = new Array<number>(CODE_LENGTHS.length).fill(0)
  let code = 0
  let length = CODE_LENGTHS[symbols[0]!]!
  for (const symbol of symbols) {
    code <<= CODE_LENGTHS[symbol]! - length
    length = CODE_LENGTHS[symbol]!
    codes[symbol] = code++
  }
  return codes
}
