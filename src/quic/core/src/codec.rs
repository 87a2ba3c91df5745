//! Octets to and from the host; all integers are little-endian. Nothing here trusts a length.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Octets of an address: port (2), family (2: 4 or 6), IP (16, of which IPv4 takes the first 4), scope (4).
pub const ADDRESS: usize = 24;
/// In place of a connection where there is none.
pub const NO_CONNECTION: u32 = u32::MAX;

/// The input ended too early, or said something that cannot be.
#[derive(Debug)]
pub struct Malformed;

/// Reads what the host wrote.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn take(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        if n > self.0.len() {
            return Err(Malformed);
        }
        let (taken, rest) = self.0.split_at(n);
        self.0 = rest;
        Ok(taken)
    }

    pub fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.take(2)?.try_into().map(u16::from_le_bytes).map_err(|_| Malformed)
    }

    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.take(4)?.try_into().map(u32::from_le_bytes).map_err(|_| Malformed)
    }

    /// Octets behind their length.
    pub fn blob(&mut self) -> Result<&'a [u8], Malformed> {
        let n = self.u32()?;
        self.take(n as usize)
    }

    /// Blobs behind their number.
    pub fn list(&mut self) -> Result<Vec<Vec<u8>>, Malformed> {
        let n = self.u32()?;
        (0..n).map(|_| Ok(self.blob()?.to_vec())).collect()
    }

    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.blob()?).map_err(|_| Malformed)
    }

    pub fn address(&mut self) -> Result<SocketAddr, Malformed> {
        let (port, family) = (self.u16()?, self.u16()?);
        let ip: [u8; 16] = self.take(16)?.try_into().map_err(|_| Malformed)?;
        let scope = self.u32()?;
        match family {
            4 => Ok((Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3]), port).into()),
            6 => Ok(SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, scope).into()),
            _ => Err(Malformed),
        }
    }
}

/// Appends `address` in [`ADDRESS`] octets.
pub fn put_address(out: &mut Vec<u8>, address: SocketAddr) {
    let mut ip = [0; 16];
    let (family, scope): (u16, u32) = match address.ip() {
        IpAddr::V4(v4) => {
            ip[..4].copy_from_slice(&v4.octets());
            (4, 0)
        }
        IpAddr::V6(v6) => {
            ip = v6.octets();
            (6, if let SocketAddr::V6(full) = address { full.scope_id() } else { 0 })
        }
    };
    out.extend_from_slice(&address.port().to_le_bytes());
    out.extend_from_slice(&family.to_le_bytes());
    out.extend_from_slice(&ip);
    out.extend_from_slice(&scope.to_le_bytes());
}

/// What the host is told; the numbers are shared with core.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// The handshake is complete; the payload is the ALPN, the flags tell of 0-RTT.
    Connected = 1,
    /// The connection ended; `code`, the flags are the cause, the payload is the reason.
    Lost = 2,
    /// Octets of a stream; flag 1 is its end.
    Data = 3,
    /// The peer opened a stream.
    Opened = 4,
    /// The peer abandoned its side of a stream with `code`.
    Reset = 5,
    /// The peer reads no more of a stream, and gives `code`.
    Stopped = 6,
    /// More streams may be opened.
    Credit = 7,
    /// Nothing is left of the connection.
    Drained = 8,
    /// A client wants to connect, and waits for the host's answer; `code` is its socket, the payload its address. Flag 1: it
    /// has proven that it is there.
    Incoming = 9,
    /// The peer has another address: the payload.
    Moved = 10,
}

/// One event, but for its payload.
#[derive(Clone, Copy)]
pub struct Head {
    pub kind: Kind,
    pub flags: u32,
    pub connection: usize,
    pub stream: u64,
    pub code: u64,
}

/// Begins an event at the end of `out`; the payload is appended by the caller, who then calls [`end_event`] with what
/// this returns.
pub fn begin_event(out: &mut Vec<u8>, head: Head) -> usize {
    out.extend_from_slice(&(head.kind as u32 | head.flags << 8).to_le_bytes());
    out.extend_from_slice(&(head.connection as u32).to_le_bytes());
    out.extend_from_slice(&head.stream.to_le_bytes());
    out.extend_from_slice(&head.code.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.len()
}

/// Writes the length of a payload that began at `start`.
pub fn end_event(out: &mut [u8], start: usize) {
    let length = (out.len() - start) as u32;
    out[start - 4..start].copy_from_slice(&length.to_le_bytes());
}
