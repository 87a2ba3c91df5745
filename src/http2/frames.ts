/** Frame types (RFC 9113, section 6). */
export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const

/** Flags of a frame; what a bit means depends on the type (RFC 9113, section 6). */
export const FLAG = { END_STREAM: 0x1, ACK: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const

/** Settings (RFC 9113, section 6.5.2). */
export const SETTING = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const

/** Octets before the payload of a frame (RFC 9113, section 4.1). */
export const FRAME_HEADER = 9
/** The largest payload unless a setting says otherwise; ours never does (RFC 9113, section 4.2). */
export const DEFAULT_FRAME_SIZE = 16_384
/** Both windows at the start (RFC 9113, section 6.9.2). */
export const DEFAULT_WINDOW = 65_535
/** What no window may exceed, and the highest stream (RFC 9113, sections 5.1.1 and 6.9.1). */
export const MAX_31 = 0x7fff_ffff

/** What a client says first (RFC 9113, section 3.4). */
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

/** A frame as it lies in what was read: its payload is octets `start` to `end`. Valid until the next one is read. */
export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly octets: Buffer
  readonly start: number
  readonly end: number
}
