import type { Buffer } from 'node:buffer'

/** Where datagrams go in and out: a UDP socket, or what a test puts in its place. */
export interface Line {
  /** `address` and `port` are where to, which a line to one peer knows. Never throws; what can't be sent is lost. */
  send(octets: Buffer, address: string, port: number): void
  close(): void
  /** Port on this side; 0 where it has none yet. */
  readonly localPort: number
}

/** What a line tells its endpoint. */
export interface LineHandler {
  onDatagram(octets: Buffer, address: string, port: number): void
  /** The system refused something: an address, a port, a datagram that nobody listens for. */
  onError(error: NodeJS.ErrnoException): void
}

/** Where a client's line goes. */
export interface LineTarget {
  readonly address: string
  readonly port: number
  /** Address to send from, or null for whichever the system takes. */
  readonly source: string | null
}

/** Makes a line to one peer. */
export type DialLine = (target: LineTarget, handler: LineHandler) => Line
