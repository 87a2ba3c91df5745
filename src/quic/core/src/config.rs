//! Configurations, as the host describes them.

use crate::codec::{Malformed, Reader};
use crate::verify::Verifier;
use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn_proto::{ClientConfig, IdleTimeout, NoneTokenStore, ServerConfig, TransportConfig, VarInt};
use rustls::crypto::{ring, CryptoProvider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ServerSessionMemoryCache;
use rustls::version::TLS13;
use rustls::CipherSuite;
use std::sync::Arc;
use std::time::Duration;

/// How much of one stream may be under way to us, in octets. Everything that came is handed on at once.
const STREAM_WINDOW: u32 = 256 * 1024;
/// How much of all streams of a connection may be under way to us, in octets.
const WINDOW: u32 = 4 * 1024 * 1024;
/// What every path carries (RFC 9000, section 14): no host can forbid fragmentation everywhere.
const MTU: u16 = 1200;
/// Sessions that a server with 0-RTT remembers: each may be resumed once.
const SESSIONS: usize = 4096;
/// WebAssembly has no instructions for AES: with ChaCha20 all that QUIC does takes half the time.
const CHEAPEST_FIRST: [CipherSuite; 3] = [
    CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS13_AES_256_GCM_SHA384,
];

/// A client's two faces, with one store of session tickets between them.
pub struct ClientConfigs {
    pub plain: ClientConfig,
    /// Sends what is written before the handshake is complete, where there is a ticket that allows it.
    pub early: ClientConfig,
}

/// How a server's connections are made.
pub struct Server {
    pub config: Arc<ServerConfig>,
    /// How long a handshake may take.
    pub handshake: Duration,
}

impl From<Malformed> for String {
    fn from(_: Malformed) -> Self {
        "malformed configuration".into()
    }
}

/// verify (1), idle (4, ms), keep-alive (4, ms), handshake-independent lists: ALPN, cipher suites (2 octets each; none: all),
/// trusted certificates, own chain; blob: own key.
pub fn client(input: &[u8]) -> Result<ClientConfigs, String> {
    let mut r = Reader::new(input);
    let (verify, idle, keep_alive) = (r.u8()? != 0, r.u32()?, r.u32()?);
    let (alpn, suites, trusted, chain, key) = (r.list()?, r.list()?, r.list()?, r.list()?, r.blob()?.to_vec());
    let provider = Arc::new(provider_with(&suites)?);
    let verifier =
        if verify { Verifier::trusting(trusted, provider.clone())? } else { Verifier::of_nobody(provider.clone()) };
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut tls = if chain.is_empty() {
        builder.with_no_client_auth()
    } else {
        builder.with_client_auth_cert(certificates(chain), private_key(key)?).map_err(|error| error.to_string())?
    };
    tls.alpn_protocols = alpn;
    let mut early = tls.clone();
    early.enable_early_data = true;
    let transport = Arc::new(transport(idle, keep_alive, 0)?);
    Ok(ClientConfigs { plain: client_of(tls, &transport)?, early: client_of(early, &transport)? })
}

fn client_of(tls: rustls::ClientConfig, transport: &Arc<TransportConfig>) -> Result<ClientConfig, String> {
    let initial = ring::cipher_suite::TLS13_AES_128_GCM_SHA256
        .tls13()
        .and_then(|suite| suite.quic_suite())
        .ok_or("no cipher suite for Initial packets")?;
    let crypto = QuicClientConfig::with_initial(Arc::new(tls), initial).map_err(|error| error.to_string())?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(transport.clone());
    // knotd 3.4 and 3.5 answer a token of theirs with transport parameters that no client takes, and a token would tell
    // servers that two connections are of one client (RFC 9000, section 8.1.3).
    config.token_store(Arc::new(NoneTokenStore));
    Ok(config)
}

/// handshake (4, ms), idle (4, ms), streams (4), early (1); lists: ALPN, chain; blob: key in PKCS #8, PKCS #1 or SEC 1.
pub fn server(input: &[u8]) -> Result<Server, String> {
    let mut r = Reader::new(input);
    let handshake = Duration::from_millis(r.u32()?.into());
    let (idle, streams, early) = (r.u32()?, r.u32()?, r.u8()? != 0);
    let (alpn, chain, key) = (r.list()?, r.list()?, r.blob()?.to_vec());
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(provider_with(&[])?))
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(certificates(chain), private_key(key)?)
        .map_err(|error| error.to_string())?;
    tls.alpn_protocols = alpn;
    tls.ignore_client_order = true;
    if early {
        // Only remembered sessions, each of which resumes once, keep 0-RTT from being replayed to this server.
        tls.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        tls.max_early_data_size = u32::MAX; // the only value that QUIC knows (RFC 9001, section 4.6.1)
    } else {
        tls.ticketer = ring::Ticketer::new().map_err(|error| error.to_string())?;
    }
    let crypto = QuicServerConfig::try_from(tls).map_err(|error| error.to_string())?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport(idle, 0, streams)?));
    Ok(Server { config: Arc::new(config), handshake })
}

/// The suites that are given, best first; without any all that are known, the cheapest first.
fn provider_with(suites: &[Vec<u8>]) -> Result<CryptoProvider, String> {
    let all = CHEAPEST_FIRST.map(|suite| u16::from(suite).to_be_bytes().to_vec());
    let wanted = if suites.is_empty() { &all } else { suites };
    let mut provider = ring::default_provider();
    let mut known = std::mem::take(&mut provider.cipher_suites);
    for one in wanted {
        if let Some(at) = known.iter().position(|suite| one[..] == u16::from(suite.suite()).to_be_bytes()) {
            provider.cipher_suites.push(known.remove(at));
        }
    }
    if provider.cipher_suites.is_empty() {
        return Err("none of the cipher suites is known".into());
    }
    Ok(provider)
}

fn certificates(chain: Vec<Vec<u8>>) -> Vec<CertificateDer<'static>> {
    chain.into_iter().map(CertificateDer::from).collect()
}

fn private_key(der: Vec<u8>) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::try_from(der).map_err(String::from)
}

fn transport(idle: u32, keep_alive: u32, streams: u32) -> Result<TransportConfig, String> {
    let mut config = TransportConfig::default();
    let duration = |ms: u32| (ms > 0).then(|| Duration::from_millis(ms.into()));
    let idle = duration(idle).map(IdleTimeout::try_from).transpose().map_err(|error| error.to_string())?;
    config
        .max_idle_timeout(idle)
        .keep_alive_interval(duration(keep_alive))
        .max_concurrent_bidi_streams(VarInt::from_u32(streams))
        .max_concurrent_uni_streams(VarInt::from_u32(8))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(WINDOW))
        .initial_mtu(MTU)
        .mtu_discovery_config(None)
        .enable_segmentation_offload(false)
        .datagram_receive_buffer_size(None);
    Ok(config)
}
