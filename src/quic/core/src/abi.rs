//! What the host calls. No call takes a pointer: the host writes to the input, whose length is checked, and reads what
//! a call left in the output. Numbers that name nothing are answered, never trusted.

use crate::codec::{Malformed, Reader};
use crate::config;
use crate::endpoint::{Core, Dial, Verdict};
use quinn_proto::Dir;
use std::cell::RefCell;
use std::time::{Duration, Instant};

#[derive(Default)]
struct Host {
    core: Option<Core>,
    input: Vec<u8>,
    output: Vec<u8>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// In place of a length: the output has that many octets of text, which says what is wrong.
fn failed(output: &mut Vec<u8>, text: &str) -> i32 {
    output.clear();
    output.extend_from_slice(text.as_bytes());
    -1 - output.len() as i32
}

fn with<T>(f: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with_borrow_mut(f)
}

fn with_core<T>(otherwise: T, f: impl FnOnce(&mut Core, &[u8], &mut Vec<u8>) -> T) -> T {
    with(|host| match &mut host.core {
        Some(core) => f(core, &host.input, &mut host.output),
        None => otherwise,
    })
}

/// Makes the input at least `n` octets long, and says where it is; it moves only in this call.
#[no_mangle]
pub extern "C" fn quic_input(n: usize) -> *mut u8 {
    with(|host| {
        if host.input.len() < n {
            host.input.resize(n, 0);
        }
        host.input.as_mut_ptr()
    })
}

/// Where the output is; it moves in any other call.
#[no_mangle]
pub extern "C" fn quic_output() -> *const u8 {
    with(|host| host.output.as_ptr())
}

/// Makes this instance a client, configured by the first `n` octets of input: 0, or `failed`.
#[no_mangle]
pub extern "C" fn quic_start_client(n: usize) -> i32 {
    with(|host| {
        let made = host.input.get(..n).ok_or_else(|| Malformed.into()).and_then(config::client);
        match made {
            Ok(configs) => {
                host.core = Some(Core::client(configs));
                0
            }
            Err(text) => failed(&mut host.output, &text),
        }
    })
}

/// Makes this instance a server: handshakes under way above which clients must prove their addresses (4), then blobs: the
/// key of its stateless resets, the configuration. 0, or `failed`.
#[no_mangle]
pub extern "C" fn quic_start_server(n: usize) -> i32 {
    with(|host| {
        let made = host.input.get(..n).ok_or_else(|| Malformed.into()).and_then(|input: &[u8]| {
            let mut r = Reader::new(input);
            let (retry_above, reset_key) = (r.u32()? as usize, r.blob()?);
            config::server(r.blob()?).map(|config| Core::server(config, retry_above, reset_key))
        });
        match made {
            Ok(core) => {
                host.core = Some(core);
                0
            }
            Err(text) => failed(&mut host.output, &text),
        }
    })
}

/// Another configuration of a server for later connections. 0, or `failed`.
#[no_mangle]
pub extern "C" fn quic_set_server(n: usize) -> i32 {
    with_core(-1, |core, input, output| {
        match input.get(..n).ok_or_else(|| Malformed.into()).and_then(config::server) {
            Ok(config) => {
                core.set_server(config);
                0
            }
            Err(text) => failed(output, &text),
        }
    })
}

/// Answers a client that wants to connect (0: it is accepted, 1: it is to prove its address, 2: it is refused): 1 where there
/// is a connection now, with the number that the event had.
#[no_mangle]
pub extern "C" fn quic_admit(connection: usize, verdict: i32) -> i32 {
    let verdict = match verdict {
        0 => Verdict::Accept,
        1 => Verdict::Prove,
        _ => Verdict::Refuse,
    };
    with_core(0, |core, _, _| core.admit(Instant::now(), connection, verdict).into())
}

/// early (4), handshake (4, ms), socket (4), address, name: the connection's number, or `failed`.
#[no_mangle]
pub extern "C" fn quic_connect(n: usize) -> i32 {
    with_core(-1, |core, input, output| {
        let dial = |octets| -> Result<Dial<'_>, Malformed> {
            let mut r = Reader::new(octets);
            Ok(Dial {
                early: r.u32()? != 0,
                handshake: Duration::from_millis(r.u32()?.into()),
                socket: r.u32()?,
                remote: r.address()?,
                server_name: r.text()?,
            })
        };
        let made = input.get(..n).ok_or(Malformed).and_then(dial).map_err(String::from);
        match made.and_then(|dial| core.connect(Instant::now(), dial)) {
            Ok(index) => index as i32,
            Err(text) => failed(output, &text),
        }
    })
}

/// Datagrams, in the first `n` octets of input; 0, or -1 where they are malformed.
#[no_mangle]
pub extern "C" fn quic_receive(n: usize) -> i32 {
    with_core(-1, |core, input, _| match input.get(..n) {
        Some(datagrams) if core.receive(Instant::now(), datagrams).is_ok() => 0,
        _ => -1,
    })
}

/// How many octets of events are in the output.
#[no_mangle]
pub extern "C" fn quic_turn() -> usize {
    with_core(0, |core, _, output| {
        core.turn(Instant::now(), output);
        output.len()
    })
}

/// How many octets of datagrams are in the output; to be called until 0.
#[no_mangle]
pub extern "C" fn quic_transmit() -> usize {
    with_core(0, |core, _, output| {
        core.transmit(Instant::now(), output);
        output.len()
    })
}

/// In how many ms time must pass next; 0 where there are events, -1: not at all.
#[no_mangle]
pub extern "C" fn quic_next_due() -> f64 {
    with_core(-1.0, |core, _, _| {
        if core.has_events() {
            return 0.0;
        }
        core.next_due().map_or(-1.0, |due| due.saturating_duration_since(Instant::now()).as_secs_f64() * 1000.0)
    })
}

/// The number of a new stream, or -1.
#[no_mangle]
pub extern "C" fn quic_open(connection: usize, unidirectional: i32) -> f64 {
    let dir = if unidirectional != 0 { Dir::Uni } else { Dir::Bi };
    with_core(-1.0, |core, _, _| core.open(connection, dir).map_or(-1.0, |id| id as f64))
}

/// 1 where the first `n` octets of input were taken, 0 where the stream takes none, -1 where there are not that many.
#[no_mangle]
pub extern "C" fn quic_write(connection: usize, stream: f64, n: usize, fin: i32) -> i32 {
    with_core(-1, |core, input, _| match input.get(..n) {
        Some(octets) => core.write(connection, stream as u64, octets, fin != 0).into(),
        None => -1,
    })
}

#[no_mangle]
pub extern "C" fn quic_cancel(connection: usize, stream: f64, code: f64) {
    with_core((), |core, _, _| core.cancel(connection, stream as u64, code as u64));
}

/// Closes with `code` and the first `n` octets of input as the reason.
#[no_mangle]
pub extern "C" fn quic_close(connection: usize, code: f64, n: usize) {
    with_core((), |core, input, _| {
        core.close(Instant::now(), connection, code as u64, input.get(..n).unwrap_or_default());
    });
}

/// The peer may have so many bidirectional streams open at once from now on.
#[no_mangle]
pub extern "C" fn quic_grant(connection: usize, streams: u32) {
    with_core((), |core, _, _| core.grant(connection, streams));
}

#[no_mangle]
pub extern "C" fn quic_moved(connection: usize, socket: u32) {
    with_core((), |core, _, _| core.moved(connection, socket));
}

#[no_mangle]
pub extern "C" fn quic_ping(connection: usize) {
    with_core((), |core, _, _| core.ping(connection));
}

/// Acknowledgements and stream frames that came, or -1.
#[no_mangle]
pub extern "C" fn quic_heard(connection: usize) -> f64 {
    with_core(-1.0, |core, _, _| core.heard(connection).map_or(-1.0, |count| count as f64))
}

/// How many octets of certificates are in the output.
#[no_mangle]
pub extern "C" fn quic_peer_certificates(connection: usize) -> usize {
    with_core(0, |core, _, output| {
        core.peer_certificates(connection, output);
        output.len()
    })
}

/// Smoothed round-trip time in ms, or -1.
#[no_mangle]
pub extern "C" fn quic_rtt(connection: usize) -> f64 {
    with_core(-1.0, |core, _, _| core.rtt(connection).map_or(-1.0, |rtt| rtt.as_secs_f64() * 1000.0))
}

/// In how many ms time must pass next for this connection, or -1.
#[no_mangle]
pub extern "C" fn quic_due(connection: usize) -> f64 {
    with_core(-1.0, |core, _, _| {
        core.due(connection).map_or(-1.0, |due| due.saturating_duration_since(Instant::now()).as_secs_f64() * 1000.0)
    })
}

/// How many streams have a side of ours whose end the peer has not acknowledged yet, or -1.
#[no_mangle]
pub extern "C" fn quic_unacknowledged(connection: usize) -> i32 {
    with_core(-1, |core, _, _| core.unacknowledged(connection).map_or(-1, |count| count as i32))
}

/// 1 where streams may be opened before the handshake is complete.
#[no_mangle]
pub extern "C" fn quic_early(connection: usize) -> i32 {
    with_core(0, |core, _, _| core.has_early_data(connection).into())
}
