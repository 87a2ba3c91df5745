import type { Buffer } from 'node:buffer'

/** Octets of a peer's text that are shown. */
const LONGEST = 300

/** A peer's text, as it may be shown to people: control characters are replaced. */
export function printable(text: Buffer): string {
  return text
    .subarray(0, LONGEST)
    .toString()
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '\ufffd')
}
