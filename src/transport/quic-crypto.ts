/** Cipher suites of TLS 1.3 that QUIC knows (RFC 8446, appendix B.4; RFC 9001, section 5.3), by OpenSSL's names. */
export const QUIC_SUITES: ReadonlyMap<string, number> = new Map([
  ['TLS_AES_128_GCM_SHA256', 0x1301],
  ['TLS_AES_256_GCM_SHA384', 0x1302],
  ['TLS_CHACHA20_POLY1305_SHA256', 0x1303],
])

/** Bits of the RSA keys that the QUIC core signs with. */
export const QUIC_RSA: readonly number[] = [2048, 3072, 4096]

/** Curves of keys that the QUIC core signs with, by OpenSSL's names: P-256 and P-384. */
export const QUIC_CURVES: readonly string[] = ['prime256v1', 'secp384r1']
