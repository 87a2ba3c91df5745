//! A QUIC endpoint without sockets and without a clock of its own: datagrams, calls and the time go in; datagrams and
//! events come out. quinn-proto speaks QUIC, rustls TLS 1.3, ring the cryptography; this crate is what a JavaScript
//! host needs to drive them in few calls.
//!
//! One instance of the WebAssembly module is one endpoint. A client's has any number of connections to any servers, which
//! share their session tickets; a server's has those that it accepted.

#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
mod abi;
mod codec;
mod config;
mod der;
mod endpoint;
mod slot;
mod verify;

#[cfg(test)]
mod tests;
