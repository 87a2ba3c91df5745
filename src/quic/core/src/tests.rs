//! A client and a server in one thread, each other's network.

use crate::codec::{put_address, Reader, ADDRESS, NO_CONNECTION};
use crate::config;
use crate::endpoint::{Core, Dial, Verdict};
use quinn_proto::Dir;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const LEAF: &[u8] = include_bytes!("../tests/leaf.der");
const KEY: &[u8] = include_bytes!("../tests/leaf.key");
const SERVER: &str = "192.0.2.1:853";
const CLIENT: &str = "192.0.2.2:40000";

const CONNECTED: u8 = 1;
const LOST: u8 = 2;
const DATA: u8 = 3;
const OPENED: u8 = 4;
const RESET: u8 = 5;
const STOPPED: u8 = 6;
const INCOMING: u8 = 9;

#[derive(Debug, Clone)]
struct Event {
    kind: u8,
    flags: u8,
    connection: usize,
    stream: u64,
    code: u64,
    payload: Vec<u8>,
}

fn list(out: &mut Vec<u8>, items: &[&[u8]]) {
    out.extend((items.len() as u32).to_le_bytes());
    for item in items {
        blob(out, item);
    }
}

fn blob(out: &mut Vec<u8>, octets: &[u8]) {
    out.extend((octets.len() as u32).to_le_bytes());
    out.extend(octets);
}

fn client_config(verify: bool, trusted: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![u8::from(verify)];
    out.extend(30_000u32.to_le_bytes());
    out.extend(0u32.to_le_bytes());
    list(&mut out, &[b"doq"]);
    list(&mut out, &[]);
    list(&mut out, trusted);
    list(&mut out, &[]);
    blob(&mut out, &[]);
    out
}

fn server_config(early: bool) -> Vec<u8> {
    let mut out = 5_000u32.to_le_bytes().to_vec();
    out.extend(30_000u32.to_le_bytes());
    out.extend(4u32.to_le_bytes());
    out.push(u8::from(early));
    list(&mut out, &[b"doq"]);
    list(&mut out, &[LEAF]);
    blob(&mut out, KEY);
    out
}

struct Pair {
    client: Core,
    server: Core,
    now: Instant,
    client_events: Vec<Event>,
    server_events: Vec<Event>,
    datagrams: usize,
    /// What clients are told that want to connect.
    verdict: Verdict,
}

impl Pair {
    fn new(client: &[u8], early: bool, retry_above: usize) -> Self {
        Self {
            client: Core::client(config::client(client).unwrap()),
            server: Core::server(config::server(&server_config(early)).unwrap(), retry_above, &[1; 32]),
            now: Instant::now(),
            client_events: vec![],
            server_events: vec![],
            datagrams: 0,
            verdict: Verdict::Accept,
        }
    }

    fn trusting() -> Self {
        Self::new(&client_config(true, &[LEAF]), false, RETRY_ABOVE)
    }

    fn dial(&mut self, name: &str, early: bool) -> usize {
        let dial = Dial {
            early,
            handshake: Duration::from_secs(5),
            socket: 1,
            remote: SERVER.parse().unwrap(),
            server_name: name,
        };
        self.client.connect(self.now, dial).unwrap()
    }

    /// Carries datagrams to and fro until both are silent.
    fn run(&mut self) {
        for _ in 0..200 {
            self.client_events.extend(events(&mut self.client, self.now));
            let of_server = events(&mut self.server, self.now);
            for event in of_server.iter().filter(|event| event.kind == INCOMING) {
                assert_eq!(self.server.admit(self.now, event.connection, self.verdict), self.verdict == Verdict::Accept);
                assert!(!self.server.admit(self.now, event.connection, self.verdict), "it was answered");
            }
            self.server_events.extend(of_server);
            let up = datagrams(&mut self.client, self.now);
            let down = datagrams(&mut self.server, self.now);
            if up.is_empty() && down.is_empty() && !self.client.has_events() && !self.server.has_events() {
                return;
            }
            self.datagrams += up.len() + down.len();
            deliver(&mut self.server, self.now, CLIENT, &up);
            deliver(&mut self.client, self.now, SERVER, &down);
        }
        panic!("they never stop talking");
    }

    fn client_saw(&self, kind: u8) -> Vec<&Event> {
        self.client_events.iter().filter(|event| event.kind == kind).collect()
    }

    fn server_saw(&self, kind: u8) -> Vec<&Event> {
        self.server_events.iter().filter(|event| event.kind == kind).collect()
    }
}

const RETRY_ABOVE: usize = 10;

fn events(core: &mut Core, now: Instant) -> Vec<Event> {
    let mut out = vec![];
    core.turn(now, &mut out);
    let mut r = Reader::new(&out);
    let mut found = vec![];
    while !r.is_empty() {
        let head = r.u32().unwrap();
        let connection = r.u32().unwrap() as usize;
        let stream = u64::from(r.u32().unwrap()) | u64::from(r.u32().unwrap()) << 32;
        let code = u64::from(r.u32().unwrap()) | u64::from(r.u32().unwrap()) << 32;
        let payload = r.blob().unwrap().to_vec();
        found.push(Event { kind: head as u8, flags: (head >> 8) as u8, connection, stream, code, payload });
    }
    found
}

fn datagrams(core: &mut Core, now: Instant) -> Vec<Vec<u8>> {
    let mut found = vec![];
    let mut out = vec![];
    loop {
        core.transmit(now, &mut out);
        if out.is_empty() {
            return found;
        }
        let mut r = Reader::new(&out);
        while !r.is_empty() {
            let length = r.u32().unwrap();
            r.u32().unwrap();
            let connection = r.u32().unwrap();
            let address = r.take(ADDRESS).unwrap();
            assert!(connection != NO_CONNECTION || address[2] == 4, "an answer to nobody has no address");
            found.push(r.take(length as usize).unwrap().to_vec());
        }
    }
}

fn deliver(core: &mut Core, now: Instant, from: &str, datagrams: &[Vec<u8>]) {
    let mut input = vec![];
    for octets in datagrams {
        input.extend((octets.len() as u32).to_le_bytes());
        input.extend(1u32.to_le_bytes());
        put_address(&mut input, from.parse::<SocketAddr>().unwrap());
        input.extend(octets);
    }
    core.receive(now, &input).unwrap();
}

#[test]
fn a_stream_goes_there_and_back() {
    let mut pair = Pair::trusting();
    let client = pair.dial("quic.test", false);
    assert_eq!(pair.client.open(client, Dir::Bi), None);
    pair.run();
    assert_eq!(pair.client_saw(CONNECTED)[0].payload, b"doq");
    let id = pair.client.open(client, Dir::Bi).unwrap();
    assert!(pair.client.write(client, id, b"question", true));
    pair.run();
    let server = pair.server_saw(INCOMING)[0].connection;
    assert_eq!(pair.server_saw(OPENED)[0].stream, id);
    let data = pair.server_saw(DATA)[0].clone();
    assert_eq!((data.payload.as_slice(), data.flags), (&b"question"[..], 1));
    assert!(pair.server.write(server, id, &[7; 600_000], true));
    pair.run();
    let octets: usize = pair.client_saw(DATA).iter().map(|event| event.payload.len()).sum();
    assert_eq!(octets, 600_000);
    let mut chain = vec![];
    pair.client.peer_certificates(client, &mut chain);
    assert_eq!(&chain[4..], LEAF);
}

#[test]
fn an_ip_address_is_a_name() {
    let mut pair = Pair::trusting();
    pair.dial("127.0.0.1", false);
    pair.run();
    assert_eq!(pair.client_saw(CONNECTED).len(), 1);
}

#[test]
fn another_name_is_refused_and_the_common_name_counts_for_nothing() {
    for name in ["ignored", "other.test", "127.0.0.2"] {
        let mut pair = Pair::trusting();
        pair.dial(name, false);
        pair.run();
        let lost = pair.client_saw(LOST)[0];
        let text = String::from_utf8_lossy(&lost.payload);
        assert!(text.contains("not valid for name"), "{text}");
        assert!(pair.client_saw(CONNECTED).is_empty());
    }
}

#[test]
fn whom_nobody_vouches_for_is_refused() {
    let other = include_bytes!("../tests/other.der");
    let mut pair = Pair::new(&client_config(true, &[other]), false, RETRY_ABOVE);
    pair.dial("quic.test", false);
    pair.run();
    assert!(pair.client_saw(CONNECTED).is_empty());
    assert!(String::from_utf8_lossy(&pair.client_saw(LOST)[0].payload).contains("invalid peer certificate"));
}

#[test]
fn anybody_will_do_where_nobody_is_verified() {
    let mut pair = Pair::new(&client_config(false, &[]), false, RETRY_ABOVE);
    pair.dial("whatever.test", false);
    pair.run();
    assert_eq!(pair.client_saw(CONNECTED).len(), 1);
}

#[test]
fn early_data_is_taken_the_second_time() {
    let mut pair = Pair::new(&client_config(true, &[LEAF]), true, RETRY_ABOVE);
    let first = pair.dial("quic.test", true);
    assert!(!pair.client.has_early_data(first));
    pair.run();
    let second = pair.dial("quic.test", true);
    assert!(pair.client.has_early_data(second));
    let id = pair.client.open(second, Dir::Bi).unwrap();
    assert!(pair.client.write(second, id, b"early", true));
    pair.run();
    assert_eq!(pair.client_saw(CONNECTED).last().unwrap().flags, 3);
    assert_eq!(pair.server_saw(DATA)[0].payload, b"early");
}

#[test]
fn a_client_proves_its_address_where_many_are_at_it() {
    let mut pair = Pair::new(&client_config(true, &[LEAF]), false, 0);
    pair.dial("quic.test", false);
    pair.client_events.extend(events(&mut pair.client, pair.now));
    let initial = datagrams(&mut pair.client, pair.now);
    deliver(&mut pair.server, pair.now, CLIENT, &initial);
    let retry = datagrams(&mut pair.server, pair.now);
    assert_eq!(retry.len(), 1);
    assert_eq!(retry[0][0] & 0xf0, 0xf0);
    assert!(pair.server_saw(INCOMING).is_empty());
    deliver(&mut pair.client, pair.now, SERVER, &retry);
    pair.run();
    assert_eq!(pair.client_saw(CONNECTED).len(), 1);
}

#[test]
fn whom_the_host_refuses_is_told_so() {
    let mut pair = Pair::trusting();
    pair.verdict = Verdict::Refuse;
    pair.dial("quic.test", false);
    pair.run();
    assert!(pair.client_saw(CONNECTED).is_empty());
    assert_eq!(pair.client_saw(LOST)[0].code, 2); // CONNECTION_REFUSED
}

#[test]
fn the_host_may_ask_for_proof_once() {
    let mut pair = Pair::trusting();
    pair.verdict = Verdict::Prove;
    pair.dial("quic.test", false);
    pair.run();
    let flags: Vec<_> = pair.server_saw(INCOMING).iter().map(|event| event.flags).collect();
    assert_eq!(flags, [0, 1]);
    assert_eq!(pair.client_saw(LOST)[0].code, 2);
}

#[test]
fn handshakes_that_are_over_do_not_count() {
    let mut pair = Pair::new(&client_config(true, &[LEAF]), false, 1);
    for _ in 0..3 {
        pair.dial("quic.test", false);
        pair.run();
    }
    assert_eq!(pair.client_saw(CONNECTED).len(), 3);
    assert!(pair.server_saw(INCOMING).iter().all(|event| event.flags == 0));
    pair.dial("quic.test", false);
    pair.dial("quic.test", false);
    pair.run();
    assert_eq!(pair.client_saw(CONNECTED).len(), 5);
    let proven = pair.server_saw(INCOMING).iter().filter(|event| event.flags == 1).count();
    assert_eq!(proven, 1);
}

#[test]
fn what_was_sent_is_acknowledged_in_the_end() {
    let mut pair = Pair::trusting();
    let client = pair.dial("quic.test", false);
    pair.run();
    let id = pair.client.open(client, Dir::Bi).unwrap();
    pair.client.write(client, id, b"question", true);
    pair.run();
    let server = pair.server_saw(INCOMING)[0].connection;
    pair.server.write(server, id, b"reply", true);
    assert_eq!(pair.server.unacknowledged(server), Some(1));
    pair.run();
    pair.now += Duration::from_millis(30); // an acknowledgement may be delayed by 25
    pair.run();
    assert_eq!(pair.server.unacknowledged(server), Some(0));
    assert_eq!(pair.server.unacknowledged(99), None);
}

#[test]
fn credit_runs_out_and_comes_back() {
    let mut pair = Pair::trusting();
    let client = pair.dial("quic.test", false);
    pair.run();
    let ids: Vec<_> = (0..4).map(|_| pair.client.open(client, Dir::Bi).unwrap()).collect();
    assert_eq!(pair.client.open(client, Dir::Bi), None);
    for &id in &ids {
        pair.client.write(client, id, b"x", true);
    }
    pair.run();
    let server = pair.server_saw(INCOMING)[0].connection;
    for &id in &ids {
        pair.server.write(server, id, b"y", true);
    }
    pair.run();
    pair.now += Duration::from_millis(30); // an acknowledgement may be delayed by 25
    pair.run();
    assert!(pair.client.open(client, Dir::Bi).is_some());
}

#[test]
fn credit_that_is_not_renewed_runs_out_for_good() {
    let mut pair = Pair::trusting();
    let client = pair.dial("quic.test", false);
    pair.run();
    let server = pair.server_saw(INCOMING)[0].connection;
    pair.server.grant(server, 0);
    for _ in 0..4 {
        let id = pair.client.open(client, Dir::Bi).unwrap();
        pair.client.write(client, id, b"x", true);
        pair.run();
        pair.server.write(server, id, b"y", true);
        pair.run();
        pair.now += Duration::from_millis(30); // an acknowledgement may be delayed by 25
        pair.run();
    }
    assert_eq!(pair.client.open(client, Dir::Bi), None);
    pair.server.grant(server, 2);
    pair.run();
    assert!(pair.client.open(client, Dir::Bi).is_some());
    assert!(pair.client.open(client, Dir::Bi).is_some());
    assert_eq!(pair.client.open(client, Dir::Bi), None);
}

#[test]
fn a_cancelled_stream_is_reset_and_stopped() {
    let mut pair = Pair::trusting();
    let client = pair.dial("quic.test", false);
    pair.run();
    let id = pair.client.open(client, Dir::Bi).unwrap();
    pair.client.write(client, id, b"que", false);
    pair.run();
    pair.client.cancel(client, id, 3);
    pair.run();
    assert_eq!(pair.server_saw(RESET)[0].code, 3);
    assert_eq!(pair.server_saw(STOPPED)[0].code, 3);
    let server = pair.server_saw(INCOMING)[0].connection;
    assert!(!pair.server.write(server, id, b"late", true));
}

#[test]
fn numbers_that_name_nothing_do_nothing() {
    let mut pair = Pair::trusting();
    let client = pair.dial("quic.test", false);
    pair.run();
    let theirs = 3; // a unidirectional stream of the server, which a client can't write to
    assert!(!pair.client.write(client, theirs, b"x", true));
    assert!(!pair.client.write(client, 4000, b"x", true));
    assert!(!pair.client.write(client, u64::MAX, b"x", true));
    assert!(!pair.client.write(99, 0, b"x", true));
    pair.client.cancel(client, theirs, 1);
    pair.client.cancel(client, 2, u64::MAX);
    pair.client.cancel(99, 0, 1);
    pair.client.close(pair.now, 99, 0, b"");
    pair.client.moved(99, 1);
    pair.client.grant(99, 1);
    pair.client.ping(99);
    assert!(pair.client.heard(99).is_none());
    assert!(pair.client.rtt(99).is_none());
    assert!(pair.client.due(99).is_none());
    pair.run();
    assert!(pair.client_saw(LOST).is_empty());
}

#[test]
fn input_that_is_cut_short_is_malformed() {
    let client = client_config(true, &[LEAF]);
    let server = server_config(false);
    for length in 0..client.len() {
        assert!(config::client(&client[..length]).is_err());
    }
    for length in 0..server.len() {
        assert!(config::server(&server[..length]).is_err());
    }
    let mut core = Core::client(config::client(&client).unwrap());
    assert!(core.receive(Instant::now(), &[1, 0, 0, 0, 1]).is_err());
    assert!(core.receive(Instant::now(), &[0xff; 64]).is_err());
}

#[test]
fn garbage_is_survived() {
    let mut pair = Pair::trusting();
    pair.dial("quic.test", false);
    let mut state = 1u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for round in 0..3000 {
        let garbage: Vec<u8> = (0..round % 1300).map(|_| next()).collect();
        deliver(&mut pair.server, pair.now, CLIENT, &[garbage.clone()]);
        deliver(&mut pair.client, pair.now, SERVER, &[garbage]);
    }
    pair.run();
    assert_eq!(pair.client_saw(CONNECTED).len(), 1);
}

#[test]
fn a_server_that_was_started_anew_resets_what_it_does_not_know() {
    let mut pair = Pair::trusting();
    let client = pair.dial("quic.test", false);
    pair.run();
    pair.server = Core::server(config::server(&server_config(false)).unwrap(), RETRY_ABOVE, &[1; 32]);
    let id = pair.client.open(client, Dir::Bi).unwrap();
    pair.client.write(client, id, &[0; 100], true);
    pair.run();
    assert_eq!(pair.client_saw(LOST)[0].flags, 4);
}

#[test]
fn a_handshake_that_nobody_answers_ends() {
    let mut pair = Pair::trusting();
    let client = pair.dial("quic.test", false);
    let mut out = vec![];
    for _ in 0..50 {
        pair.client_events.extend(events(&mut pair.client, pair.now));
        pair.client.transmit(pair.now, &mut out);
        let Some(due) = pair.client.next_due() else { break };
        pair.now = due;
    }
    let lost = pair.client_saw(LOST)[0];
    assert_eq!((lost.connection, lost.flags), (client, 7));
}
