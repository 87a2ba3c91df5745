//! One connection: what happens on it as events, what is written to it and can't go yet.

use crate::codec::{begin_event, end_event, put_address, Head, Kind};
use bytes::{Bytes, BytesMut};
use quinn_proto::crypto::rustls::HandshakeData;
use quinn_proto::{
    Connection, ConnectionError, ConnectionHandle, Dir, Event, ReadError, ReadableError, StreamEvent, StreamId, VarInt,
    WriteError,
};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

/// Why a connection ended; the numbers are shared with core.ts.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Cause {
    Application = 1,
    Transport = 2,
    Idle = 3,
    Reset = 4,
    Local = 5,
    Version = 6,
    Timeout = 7,
}

/// What waits until the peer's flow control lets it go.
struct Waiting {
    octets: BytesMut,
    fin: bool,
}

/// A connection and what belongs to it.
pub struct Slot {
    pub handle: ConnectionHandle,
    pub connection: Connection,
    /// The host's number for where its datagrams go out.
    pub socket: u32,
    /// Where the peer is as far as the host knows.
    pub remote: SocketAddr,
    /// Until when the handshake has time.
    pub handshake_until: Option<Instant>,
    /// Whether the endpoint counts it among the handshakes that are under way.
    pub in_handshake: bool,
    /// When it is due, as the endpoint's list of times has it.
    pub due: Option<Instant>,
    pub dirty: bool,
    used_early_data: bool,
    lost: bool,
    /// Streams that the peer has opened, by direction.
    accepted: [u64; 2],
    waiting: HashMap<StreamId, Waiting>,
}

impl Slot {
    pub fn new(handle: ConnectionHandle, connection: Connection, socket: u32, handshake_until: Instant) -> Self {
        let remote = connection.remote_address();
        let used_early_data = connection.has_0rtt();
        Self {
            handle,
            connection,
            socket,
            remote,
            handshake_until: Some(handshake_until),
            in_handshake: true,
            due: None,
            dirty: false,
            used_early_data,
            lost: false,
            accepted: [0; 2],
            waiting: HashMap::new(),
        }
    }

    /// Its next time to be looked after.
    pub fn next_due(&mut self) -> Option<Instant> {
        match (self.connection.poll_timeout(), self.handshake_until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    pub fn handle_timeout(&mut self, now: Instant, index: usize, out: &mut Vec<u8>) {
        if self.handshake_until.is_some_and(|until| until <= now) {
            self.handshake_until = None;
            self.connection.close(now, VarInt::from_u32(0), Bytes::new());
            self.end(index, Cause::Timeout, 0, "the handshake took too long", out);
        }
        if self.connection.poll_timeout().is_some_and(|due| due <= now) {
            self.connection.handle_timeout(now);
        }
    }

    /// Appends what has happened as events.
    pub fn poll(&mut self, index: usize, out: &mut Vec<u8>) {
        while let Some(event) = self.connection.poll() {
            match event {
                Event::Connected => self.connected(index, out),
                Event::ConnectionLost { reason } => self.connection_lost(index, reason, out),
                Event::Stream(event) => self.stream_event(index, event, out),
                Event::HandshakeDataReady | Event::DatagramReceived | Event::DatagramsUnblocked => {}
            }
        }
        let remote = self.connection.remote_address();
        if remote != self.remote {
            self.remote = remote;
            let start = begin_event(out, Head { kind: Kind::Moved, flags: 0, connection: index, stream: 0, code: 0 });
            put_address(out, remote);
            end_event(out, start);
        }
    }

    fn connected(&mut self, index: usize, out: &mut Vec<u8>) {
        self.handshake_until = None;
        let accepted = self.used_early_data && self.connection.accepted_0rtt();
        if !accepted {
            self.waiting.clear();
        }
        let flags = u32::from(accepted) | u32::from(self.used_early_data) << 1;
        let data = self.connection.crypto_session().handshake_data();
        let alpn = data.and_then(|data| data.downcast::<HandshakeData>().ok()).and_then(|data| data.protocol);
        let start = begin_event(out, Head { kind: Kind::Connected, flags, connection: index, stream: 0, code: 0 });
        out.extend_from_slice(&alpn.unwrap_or_default());
        end_event(out, start);
    }

    fn connection_lost(&mut self, index: usize, reason: ConnectionError, out: &mut Vec<u8>) {
        let (cause, code) = match &reason {
            ConnectionError::ApplicationClosed(close) => (Cause::Application, close.error_code.into_inner()),
            ConnectionError::ConnectionClosed(close) => (Cause::Transport, u64::from(close.error_code)),
            ConnectionError::TransportError(error) => (Cause::Transport, u64::from(error.code)),
            ConnectionError::TimedOut if self.handshake_until.is_some() => (Cause::Timeout, 0),
            ConnectionError::TimedOut => (Cause::Idle, 0),
            ConnectionError::Reset => (Cause::Reset, 0),
            ConnectionError::VersionMismatch => (Cause::Version, 0),
            ConnectionError::LocallyClosed | ConnectionError::CidsExhausted => (Cause::Local, 0),
        };
        self.end(index, cause, code, &reason.to_string(), out);
    }

    fn end(&mut self, index: usize, cause: Cause, code: u64, reason: &str, out: &mut Vec<u8>) {
        if self.lost {
            return;
        }
        self.lost = true;
        self.handshake_until = None;
        self.waiting.clear();
        let head = Head { kind: Kind::Lost, flags: cause as u32, connection: index, stream: 0, code };
        let start = begin_event(out, head);
        out.extend_from_slice(reason.as_bytes());
        end_event(out, start);
    }

    fn stream_event(&mut self, index: usize, event: StreamEvent, out: &mut Vec<u8>) {
        match event {
            StreamEvent::Opened { dir } => {
                while let Some(id) = self.connection.streams().accept(dir) {
                    self.accepted[dir as usize] = id.index() + 1;
                    tell(out, Kind::Opened, index, id, 0);
                    self.read(index, id, out);
                }
            }
            StreamEvent::Readable { id } => self.read(index, id, out),
            StreamEvent::Writable { id } => self.write_on(id),
            StreamEvent::Stopped { id, error_code } => {
                self.waiting.remove(&id);
                // It must be answered with a reset (RFC 9000, section 3.5); a stream that is gone already needs none.
                let _ = self.connection.send_stream(id).reset(error_code);
                tell(out, Kind::Stopped, index, id, error_code.into_inner());
            }
            StreamEvent::Available { dir: Dir::Bi | Dir::Uni } => {
                let head = Head { kind: Kind::Credit, flags: 0, connection: index, stream: 0, code: 0 };
                let start = begin_event(out, head);
                end_event(out, start);
            }
            StreamEvent::Finished { .. } => {}
        }
    }

    /// Appends all that can be read of a stream as one event.
    fn read(&mut self, index: usize, id: StreamId, out: &mut Vec<u8>) {
        let mut stream = self.connection.recv_stream(id);
        let mut chunks = match stream.read(true) {
            Ok(chunks) => chunks,
            Err(ReadableError::ClosedStream | ReadableError::IllegalOrderedRead) => return,
        };
        let begin = out.len();
        let start =
            begin_event(out, Head { kind: Kind::Data, flags: 0, connection: index, stream: id.into(), code: 0 });
        let mut reset = None;
        let mut fin = false;
        loop {
            match chunks.next(usize::MAX) {
                Ok(Some(chunk)) => {
                    out.extend_from_slice(&chunk.bytes);
                    continue;
                }
                Ok(None) => fin = true,
                Err(ReadError::Blocked) => {}
                Err(ReadError::Reset(code)) => reset = Some(code),
            }
            break;
        }
        // Whether anything is to be sent for it, the next transmit finds out.
        let _ = chunks.finalize();
        if out.len() == start && !fin {
            out.truncate(begin);
        } else {
            end_event(out, start);
            out[begin + 1] = u8::from(fin);
        }
        if let Some(code) = reset {
            tell(out, Kind::Reset, index, id, code.into_inner());
        }
    }

    /// Sends `octets`, now or when there is room; false where the stream takes none.
    pub fn write(&mut self, id: StreamId, octets: &[u8], fin: bool) -> bool {
        if self.lost || !self.sends(id) {
            return false;
        }
        if let Some(waiting) = self.waiting.get_mut(&id) {
            if waiting.fin {
                return false;
            }
            waiting.octets.extend_from_slice(octets);
            waiting.fin = fin;
            return true;
        }
        let mut stream = self.connection.send_stream(id);
        let mut rest = octets;
        while !rest.is_empty() {
            match stream.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(WriteError::Blocked) => {
                    self.waiting.insert(id, Waiting { octets: rest.into(), fin });
                    return true;
                }
                Err(WriteError::Stopped(_) | WriteError::ClosedStream) => return false,
            }
        }
        !fin || stream.finish().is_ok()
    }

    fn write_on(&mut self, id: StreamId) {
        if let Some(Waiting { octets, fin }) = self.waiting.remove(&id) {
            self.write(id, &octets, fin);
        }
    }

    /// RESET_STREAM and STOP_SENDING, whichever the stream still has a use for.
    pub fn cancel(&mut self, id: StreamId, code: VarInt) {
        self.waiting.remove(&id);
        if self.sends(id) {
            let _ = self.connection.send_stream(id).reset(code);
        }
        if self.receives(id) {
            let _ = self.connection.recv_stream(id).stop(code);
        }
    }

    // quinn-proto panics where a stream is used against its direction, and tells the peer of one that it has not opened yet.
    fn sends(&self, id: StreamId) -> bool {
        self.is_ours(id) || (id.dir() == Dir::Bi && self.is_accepted(id))
    }

    fn receives(&self, id: StreamId) -> bool {
        if self.is_ours(id) {
            id.dir() == Dir::Bi
        } else {
            self.is_accepted(id)
        }
    }

    fn is_ours(&self, id: StreamId) -> bool {
        id.initiator() == self.connection.side()
    }

    fn is_accepted(&self, id: StreamId) -> bool {
        id.index() < self.accepted[id.dir() as usize]
    }

    pub fn close(&mut self, now: Instant, code: VarInt, reason: &[u8]) {
        self.lost = true;
        self.handshake_until = None;
        self.waiting.clear();
        self.connection.close(now, code, Bytes::copy_from_slice(reason));
    }
}

fn tell(out: &mut Vec<u8>, kind: Kind, index: usize, id: StreamId, code: u64) {
    let start = begin_event(out, Head { kind, flags: 0, connection: index, stream: id.into(), code });
    end_event(out, start);
}
