//! The endpoint: its connections, when each is due, and which of the unknown are let in.

use crate::codec::{begin_event, end_event, put_address, Head, Kind, Malformed, Reader, NO_CONNECTION};
use crate::config::{ClientConfigs, Server};
use crate::slot::Slot;
use bytes::BytesMut;
use quinn_proto::{
    ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig, HashedConnectionIdGenerator, Incoming, StreamId,
    Transmit, VarInt,
};
use ring::hmac;
use rustls::pki_types::CertificateDer;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much is handed to the host at once, in octets; more is left for the next call.
const BATCH: usize = 256 * 1024;

/// How a client's connection begins.
pub struct Dial<'a> {
    pub early: bool,
    pub handshake: Duration,
    pub socket: u32,
    pub remote: SocketAddr,
    pub server_name: &'a str,
}

/// What the host says to a client that wants to connect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Accept,
    /// It is to prove its address first, by a Retry (RFC 9000, section 8.1.2); if it has, it is refused.
    Prove,
    Refuse,
}

/// See the crate's documentation.
pub struct Core {
    endpoint: Endpoint,
    clients: Option<ClientConfigs>,
    /// How long the handshake of a server's connection may take.
    handshake: Duration,
    /// Handshakes under way above which a client must first prove its address.
    retry_above: usize,
    /// Those under way.
    handshakes: usize,
    /// Clients that want to connect, and their sockets, by the numbers that their connections will have.
    incoming: BTreeMap<usize, (Incoming, u32)>,
    /// By the number that the host knows. It is not given again, as quinn-proto's handles are while events of the last
    /// connection with the same one are still on their way to the host.
    slots: BTreeMap<usize, Slot>,
    numbers: HashMap<ConnectionHandle, usize>,
    last_number: usize,
    due: BTreeSet<(Instant, usize)>,
    dirty: Vec<usize>,
    events: Vec<u8>,
    /// Answers to datagrams that belong to no connection, as records for the host.
    responses: Vec<u8>,
    scratch: Vec<u8>,
}

impl Core {
    pub fn client(configs: ClientConfigs) -> Self {
        Self::new(Some(configs), EndpointConfig::default(), None, 0)
    }

    /// `reset_key` signs stateless resets (RFC 9000, section 10.3): one that was started anew with the key of the last can
    /// tell that one's clients that nothing is known of them.
    pub fn server(config: Server, retry_above: usize, reset_key: &[u8]) -> Self {
        let mut endpoint = EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, reset_key)));
        // Connection IDs show whose they are, and who doesn't know his own predecessor's says nothing to them.
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, reset_key), b"connection IDs");
        let key = tag.as_ref().iter().take(8).fold(0, |sum: u64, &octet| sum << 8 | u64::from(octet));
        endpoint.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(key)));
        Self::new(None, endpoint, Some(config), retry_above)
    }

    fn new(
        clients: Option<ClientConfigs>,
        endpoint: EndpointConfig,
        server: Option<Server>,
        retry_above: usize,
    ) -> Self {
        let handshake = server.as_ref().map_or(Duration::ZERO, |server| server.handshake);
        Self {
            endpoint: Endpoint::new(Arc::new(endpoint), server.map(|server| server.config), false, None),
            clients,
            handshake,
            retry_above,
            handshakes: 0,
            incoming: BTreeMap::new(),
            slots: BTreeMap::new(),
            numbers: HashMap::new(),
            last_number: 0,
            due: BTreeSet::new(),
            dirty: Vec::new(),
            events: Vec::new(),
            responses: Vec::new(),
            scratch: Vec::with_capacity(2048),
        }
    }

    /// How later connections are served.
    pub fn set_server(&mut self, Server { config, handshake }: Server) {
        self.endpoint.set_server_config(Some(config));
        self.handshake = handshake;
    }

    /// Begins a connection; its number, or what is wrong.
    pub fn connect(&mut self, now: Instant, dial: Dial<'_>) -> Result<usize, String> {
        let configs = self.clients.as_ref().ok_or("a server connects to nobody")?;
        let config = if dial.early { &configs.early } else { &configs.plain };
        let (handle, connection) = self
            .endpoint
            .connect(now, config.clone(), dial.remote, dial.server_name)
            .map_err(|error| error.to_string())?;
        let index = self.next_number();
        self.add(index, Slot::new(handle, connection, dial.socket, now + dial.handshake));
        Ok(index)
    }

    fn next_number(&mut self) -> usize {
        loop {
            self.last_number = if self.last_number >= i32::MAX as usize { 1 } else { self.last_number + 1 };
            if !self.slots.contains_key(&self.last_number) && !self.incoming.contains_key(&self.last_number) {
                return self.last_number;
            }
        }
    }

    fn add(&mut self, index: usize, slot: Slot) {
        self.handshakes += 1;
        self.numbers.insert(slot.handle, index);
        self.slots.insert(index, slot);
        self.mark(index);
    }

    /// Takes datagrams, each as length (4), socket (4), address ([`crate::codec::ADDRESS`]) and octets.
    pub fn receive(&mut self, now: Instant, input: &[u8]) -> Result<(), Malformed> {
        let mut r = Reader::new(input);
        while !r.is_empty() {
            let (length, socket, remote) = (r.u32()?, r.u32()?, r.address()?);
            let octets = r.take(length as usize)?;
            self.datagram(now, socket, remote, octets);
        }
        Ok(())
    }

    fn datagram(&mut self, now: Instant, socket: u32, remote: SocketAddr, octets: &[u8]) {
        let mut response = std::mem::take(&mut self.scratch);
        response.clear();
        match self.endpoint.handle(now, remote, None, None, BytesMut::from(octets), &mut response) {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                let Some(&index) = self.numbers.get(&handle) else { return self.scratch = response };
                if let Some(slot) = self.slots.get_mut(&index) {
                    slot.socket = socket;
                    slot.connection.handle_event(event);
                    self.mark(index);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.knock(socket, incoming),
            Some(DatagramEvent::Response(transmit)) => self.respond(socket, &transmit, &response),
            None => {}
        }
        self.scratch = response;
    }

    /// Tells the host of a client that wants to connect.
    fn knock(&mut self, socket: u32, incoming: Incoming) {
        let proven = incoming.remote_address_validated();
        let is_crowded = self.handshakes + self.incoming.len() >= self.retry_above;
        let connection = self.next_number();
        let remote = incoming.remote_address();
        self.incoming.insert(connection, (incoming, socket));
        if !proven && is_crowded {
            return self.turn_away(connection, Verdict::Prove);
        }
        let flags = u32::from(proven);
        let head = Head { kind: Kind::Incoming, flags, connection, stream: 0, code: u64::from(socket) };
        let start = begin_event(&mut self.events, head);
        put_address(&mut self.events, remote);
        end_event(&mut self.events, start);
    }

    /// Answers a client that wants to connect; whether there is a connection now, with the number that the host was told.
    pub fn admit(&mut self, now: Instant, index: usize, verdict: Verdict) -> bool {
        if verdict != Verdict::Accept {
            self.turn_away(index, verdict);
            return false;
        }
        let Some((incoming, socket)) = self.incoming.remove(&index) else { return false };
        let mut response = vec![];
        match self.endpoint.accept(incoming, now, &mut response, None) {
            Ok((handle, connection)) => {
                self.add(index, Slot::new(handle, connection, socket, now + self.handshake));
                true
            }
            Err(error) => {
                if let Some(transmit) = error.response {
                    self.respond(socket, &transmit, &response);
                }
                false
            }
        }
    }

    fn turn_away(&mut self, index: usize, verdict: Verdict) {
        let Some((incoming, socket)) = self.incoming.remove(&index) else { return };
        let mut response = vec![];
        let transmit = if verdict == Verdict::Prove && incoming.may_retry() {
            self.endpoint.retry(incoming, &mut response).ok()
        } else {
            Some(self.endpoint.refuse(incoming, &mut response))
        };
        if let Some(transmit) = transmit {
            self.respond(socket, &transmit, &response);
        }
    }

    fn respond(&mut self, socket: u32, transmit: &Transmit, octets: &[u8]) {
        let octets = octets.get(..transmit.size).unwrap_or(octets);
        put_datagram(&mut self.responses, octets, socket, NO_CONNECTION, Some(transmit.destination));
    }

    fn mark(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(&index) {
            if !slot.dirty {
                slot.dirty = true;
                self.dirty.push(index);
            }
        }
    }

    /// Lets time pass, and moves what has happened to `out` as events.
    pub fn turn(&mut self, now: Instant, out: &mut Vec<u8>) {
        out.clear();
        while let Some(&(time, index)) = self.due.first() {
            if time > now {
                break;
            }
            self.due.pop_first();
            if let Some(slot) = self.slots.get_mut(&index) {
                slot.due = None;
                slot.handle_timeout(now, index, &mut self.events);
                self.mark(index);
            }
        }
        for at in 0..self.dirty.len() {
            self.poll(self.dirty[at]);
        }
        std::mem::swap(out, &mut self.events);
    }

    /// Exchanges what connection and endpoint have for each other, and takes the connection's events.
    fn poll(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(&index) else { return };
        while let Some(event) = slot.connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(slot.handle, event) {
                slot.connection.handle_event(event);
            }
        }
        slot.poll(index, &mut self.events);
    }

    /// Moves datagrams to send to `out`, up to a batch of them; true where there may be more. Each is length (4), socket (4),
    /// connection (4), address and octets; the family of the address is 0 where the host knows it from the connection.
    pub fn transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        out.clear();
        out.append(&mut self.responses);
        while let Some(&index) = self.dirty.last() {
            if out.len() >= BATCH {
                return true;
            }
            if let Some(slot) = self.slots.get_mut(&index) {
                loop {
                    self.scratch.clear();
                    let Some(transmit) = slot.connection.poll_transmit(now, 1, &mut self.scratch) else { break };
                    let elsewhere = (transmit.destination != slot.remote).then_some(transmit.destination);
                    put_datagram(out, &self.scratch[..transmit.size], slot.socket, index as u32, elsewhere);
                    if out.len() >= BATCH {
                        return true;
                    }
                }
            }
            self.dirty.pop();
            self.settle(index);
        }
        false
    }

    /// After a connection has sent what it had: when it is due again, or that it is gone.
    fn settle(&mut self, index: usize) {
        self.poll(index);
        let Some(slot) = self.slots.get_mut(&index) else { return };
        slot.dirty = false;
        if slot.in_handshake && slot.handshake_until.is_none() {
            slot.in_handshake = false;
            self.handshakes -= 1;
        }
        let due = slot.next_due();
        if due != slot.due {
            if let Some(old) = slot.due {
                self.due.remove(&(old, index));
            }
            if let Some(new) = due {
                self.due.insert((new, index));
            }
            slot.due = due;
        }
        if slot.connection.is_drained() {
            self.remove(index);
        }
    }

    fn remove(&mut self, index: usize) {
        let Some(slot) = self.slots.remove(&index) else { return };
        if let Some(due) = slot.due {
            self.due.remove(&(due, index));
        }
        // The handle may be another connection's already.
        if self.numbers.get(&slot.handle) == Some(&index) {
            self.numbers.remove(&slot.handle);
        }
        let head = Head { kind: Kind::Drained, flags: 0, connection: index, stream: 0, code: 0 };
        let start = begin_event(&mut self.events, head);
        end_event(&mut self.events, start);
    }

    /// Whether there are events that no [`Core::turn`] has handed out yet.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// When time must pass next.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|&(time, _)| time)
    }

    /// The number of a new stream; None while the peer grants none.
    pub fn open(&mut self, index: usize, dir: Dir) -> Option<u64> {
        let id = self.slots.get_mut(&index)?.connection.streams().open(dir)?;
        self.mark(index);
        Some(id.into())
    }

    /// False where there is no such stream, or it takes nothing any more.
    pub fn write(&mut self, index: usize, id: u64, octets: &[u8], fin: bool) -> bool {
        let (Some(slot), Some(id)) = (self.slots.get_mut(&index), stream_id(id)) else { return false };
        let taken = slot.write(id, octets, fin);
        self.mark(index);
        taken
    }

    pub fn cancel(&mut self, index: usize, id: u64, code: u64) {
        let (Some(slot), Some(id), Ok(code)) = (self.slots.get_mut(&index), stream_id(id), VarInt::from_u64(code))
        else {
            return;
        };
        slot.cancel(id, code);
        self.mark(index);
    }

    pub fn close(&mut self, now: Instant, index: usize, code: u64, reason: &[u8]) {
        let (Some(slot), Ok(code)) = (self.slots.get_mut(&index), VarInt::from_u64(code)) else { return };
        slot.close(now, code, reason);
        self.mark(index);
    }

    /// The peer may have so many bidirectional streams open at once from now on; what it was granted stays.
    pub fn grant(&mut self, index: usize, streams: u32) {
        let Some(slot) = self.slots.get_mut(&index) else { return };
        slot.connection.set_max_concurrent_streams(Dir::Bi, VarInt::from_u32(streams));
        self.mark(index);
    }

    /// A client's local address is another one now (RFC 9000, section 9).
    pub fn moved(&mut self, index: usize, socket: u32) {
        let Some(slot) = self.slots.get_mut(&index) else { return };
        slot.socket = socket;
        slot.connection.local_address_changed();
        slot.connection.ping();
        self.mark(index);
    }

    /// Asks the peer for a sign of life (RFC 9000, section 19.2).
    pub fn ping(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(&index) else { return };
        slot.connection.ping();
        self.mark(index);
    }

    /// How many frames came that the peer alone can have sent: signs of life, unlike datagrams.
    pub fn heard(&self, index: usize) -> Option<u64> {
        let frames = self.slots.get(&index)?.connection.stats().frame_rx;
        Some(frames.acks + frames.stream)
    }

    /// The peer's certificates, each behind its length (4), the leaf first.
    pub fn peer_certificates(&self, index: usize, out: &mut Vec<u8>) {
        out.clear();
        let identity = self.slots.get(&index).and_then(|slot| slot.connection.crypto_session().peer_identity());
        let chain = identity.and_then(|any| any.downcast::<Vec<CertificateDer<'static>>>().ok());
        for certificate in chain.iter().flat_map(|chain| chain.iter()) {
            out.extend_from_slice(&(certificate.len() as u32).to_le_bytes());
            out.extend_from_slice(certificate);
        }
    }

    /// How many streams have a side of ours whose end the peer has not acknowledged yet.
    pub fn unacknowledged(&mut self, index: usize) -> Option<usize> {
        Some(self.slots.get_mut(&index)?.connection.streams().send_streams())
    }

    /// When time must pass next for this connection. Where nothing has been under way for a while, that is the end of
    /// its idle timeout, of which the peer's share is known (RFC 9000, section 10.1).
    pub fn due(&mut self, index: usize) -> Option<Instant> {
        self.slots.get_mut(&index)?.connection.poll_timeout()
    }

    /// Smoothed round-trip time; None where there is no such connection.
    pub fn rtt(&self, index: usize) -> Option<Duration> {
        self.slots.get(&index).map(|slot| slot.connection.rtt())
    }

    /// Whether streams may be opened before the handshake is complete: there was a ticket that allows it.
    pub fn has_early_data(&self, index: usize) -> bool {
        self.slots.get(&index).is_some_and(|slot| slot.connection.has_0rtt())
    }
}

fn stream_id(id: u64) -> Option<StreamId> {
    VarInt::from_u64(id).ok().map(StreamId::from)
}

fn put_datagram(out: &mut Vec<u8>, octets: &[u8], socket: u32, connection: u32, remote: Option<SocketAddr>) {
    out.extend_from_slice(&(octets.len() as u32).to_le_bytes());
    out.extend_from_slice(&socket.to_le_bytes());
    out.extend_from_slice(&connection.to_le_bytes());
    match remote {
        Some(remote) => put_address(out, remote),
        None => out.extend_from_slice(&[0; crate::codec::ADDRESS]),
    }
    out.extend_from_slice(octets);
}
