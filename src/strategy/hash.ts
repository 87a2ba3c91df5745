/** FNV-1a, 32 bits, over the low octet of each character. Spread, not secrecy. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}

/** Two hashes as one number in (0, 1), every bit of either changing half the bits of it (MurmurHash3's finalizer). */
export function unitHash(a: number, b: number): number {
  let hash = a ^ b
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 0x1_0000_0000
}
