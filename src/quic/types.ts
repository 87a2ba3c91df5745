/** Whom a stream tells what happens to it. Never called once the stream has ended. */
export interface StreamHandler {
  /** Octets arrived, in order, the handler's to keep; `fin`: there come no more (then `octets` may be empty). */
  onData(octets: Buffer, fin: boolean): void
  /** The peer abandoned its side with this code (RFC 9000, section 19.4): no data comes any more. */
  onReset(code: number): void
  /** The peer reads no more of ours, and says so with this code (RFC 9000, section 19.5). */
  onStopped(code: number): void
  /** The connection ended before the stream did. */
  onLost(end: ConnectionEnd): void
}

/** One stream of a connection. */
export interface QuicStream {
  /** As RFC 9000, section 2.1, numbers them. */
  readonly id: number
  readonly bidirectional: boolean
  handler: StreamHandler
  /** Sends `octets`, whole, when flow control allows; `fin` ends our side. They are copied before this returns. */
  write(octets: Buffer, fin: boolean): void
  /** RESET_STREAM and STOP_SENDING with `code`; the handler hears nothing more. */
  cancel(code: number): void
}

/** Why a connection ended. */
export interface ConnectionEnd {
  /**
   * `application`: the peer's CONNECTION_CLOSE of type 0x1d; `transport`: of type 0x1c, or a TLS alert; `idle`: silence;
   * `reset`: a stateless reset; `local`: by us; `version`: no common version; `refused`: nobody listens there;
   * `timeout`: the handshake took too long; `socket`: the system cannot send there, as `error` says; `trap`: the core failed.
   */
  readonly cause:
    'application' | 'transport' | 'idle' | 'reset' | 'local' | 'version' | 'refused' | 'timeout' | 'socket' | 'trap'
  /** Error code of the application or of QUIC; 0 where there is none. 0x100 + alert are TLS alerts (RFC 9001, section 4.8). */
  readonly code: number
  /** For people; text of the peer in it is printable. */
  readonly reason: string
  /** Whether the handshake had completed. */
  readonly established: boolean
  /** The system's error, of `refused` and `socket`. */
  readonly error?: Error
}

/** Whom a connection tells what happens to it. */
export interface ConnectionHandler {
  /**
   * The handshake is complete. A client's owner looks at `connection.peerCertificates` here; nothing that it wrote
   * was sent before this returns, but for 0-RTT.
   */
  onConnected(connection: QuicConnection): void
  /**
   * The peer opened a stream; returns who handles it. Where a server takes 0-RTT, it may come before {@link onConnected}:
   * what it brings may be a replay then (RFC 9001, section 9.2).
   */
  onStream(connection: QuicConnection, stream: QuicStream): StreamHandler
  /** {@link QuicConnection.open} has returned null, and would not now. */
  onCredit(connection: QuicConnection): void
  /** It has ended; its streams were told before. Called once. */
  onClosed(connection: QuicConnection, end: ConnectionEnd): void
}

/** A QUIC connection, a client's or a server's (RFC 9000). */
export interface QuicConnection {
  /** Where the peer is; it may move. */
  readonly remote: { readonly address: string; readonly port: number }
  /** Port on our side; 0 where there is none yet. */
  readonly localPort: number
  /** Whether the handshake is complete. */
  readonly established: boolean
  readonly closed: boolean
  /** What was negotiated, such as `doq`; '' before. */
  readonly alpn: string
  /** Frames of acknowledgement and of data that came: nobody but the peer can have sent them. */
  readonly heard: number
  /** Whether streams may be opened as 0-RTT, the handshake being under way: a session is resumed that allows it. */
  readonly early: boolean
  /** Whether what was sent as 0-RTT was taken. What was not taken is sent again after the handshake. */
  readonly earlyDataAccepted: boolean
  /** DER of what the peer has shown, the leaf first; of a resumed session what it was begun with. */
  readonly peerCertificates: readonly Buffer[]
  /** Smoothed round-trip time, ms. */
  readonly rtt: number
  /** Whether the peer has acknowledged our side of every stream to its end: what else was sent before a {@link close} may be lost. */
  readonly delivered: boolean
  /**
   * How long the connection lasts if nothing more is said, in ms, by the lower of both ends' idle timeouts (RFC 9000, section
   * 10.1); less while something is under way or was until a moment ago, since timers of its own run then.
   */
  readonly timeLeft: number
  /**
   * Bidirectional streams that the peer lets us have open at once, as far as is known: as many as it granted at first, once
   * they are used up, and Infinity before. What waits beyond {@link open} while fewer are wanted waits for acknowledgements
   * alone.
   */
  readonly streamLimit: number
  /** A new stream; null while the peer grants none: `onCredit` says when it does. */
  open(handler: StreamHandler, bidirectional?: boolean): QuicStream | null
  /** Lets the peer have so many bidirectional streams open at once from now on; what it was granted before stays its own. */
  grant(streams: number): void
  /** Asks the peer for a sign of life (RFC 9000, section 19.2): {@link heard} grows when it comes. */
  ping(): void
  /** CONNECTION_CLOSE of type 0x1d with `code`; `onClosed` follows, in a later turn. */
  close(code: number, reason?: string): void
}
