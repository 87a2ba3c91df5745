import { ConnectionFault } from './error.js'
import { DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, type Frame, MAX_31, SETTING } from './frames.js'

/** Streams that we open before the peer has said how many it allows: the least that it should (RFC 9113, section 6.5.2). */
const STREAMS_UNTIL_TOLD = 100

/** What the peer allows us (RFC 9113, section 6.5.2). */
export class PeerSettings {
  maxStreams = STREAMS_UNTIL_TOLD
  initialWindow = DEFAULT_WINDOW
  maxFrameSize = DEFAULT_FRAME_SIZE
  /** Whether any came yet. */
  known = false

  /** Reads a SETTINGS frame. @throws {ConnectionFault} a value that is not allowed */
  apply(frame: Frame): void {
    if (!this.known) this.maxStreams = Infinity
    this.known = true
    for (let at = frame.start; at < frame.end; at += 6) {
      this.#set(frame.octets.readUInt16BE(at), frame.octets.readUInt32BE(at + 2))
    }
  }

  #set(setting: number, value: number): void {
    switch (setting) {
      case SETTING.ENABLE_PUSH:
        if (value !== 0) throw new ConnectionFault('PROTOCOL_ERROR', 'a server that enables push')
        return
      case SETTING.MAX_CONCURRENT_STREAMS:
        this.maxStreams = value
        return
      case SETTING.INITIAL_WINDOW_SIZE:
        if (value > MAX_31) throw new ConnectionFault('FLOW_CONTROL_ERROR', 'an initial window over 2^31 - 1')
        this.initialWindow = value
        return
      case SETTING.MAX_FRAME_SIZE:
        if (value < DEFAULT_FRAME_SIZE || value > 0xff_ffff)
          throw new ConnectionFault('PROTOCOL_ERROR', `a frame size of ${value}`)
        this.maxFrameSize = value
        return
      default:
      // Table and list sizes bind none of our blocks; the rest is unknown, and ignored.
    }
  }
}
