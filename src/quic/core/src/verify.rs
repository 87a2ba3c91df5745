//! Who a server may be.

use crate::der;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_name, WebPkiServerVerifier};
use rustls::crypto::{verify_tls13_signature, CryptoProvider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// Verifies chains as webpki does, and takes a self-issued certificate that is itself among the trusted ones, which webpki
/// refuses; or takes anybody, where nobody is to be verified.
#[derive(Debug)]
pub struct Verifier {
    chains: Option<Arc<WebPkiServerVerifier>>,
    trusted: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// One that asks of a server only that it has the key of what it shows.
    pub fn of_nobody(provider: Arc<CryptoProvider>) -> Self {
        Self { chains: None, trusted: Vec::new(), provider }
    }

    /// One that trusts `certificates` and those that they have signed. Which of them cannot be read is left out.
    pub fn trusting(certificates: Vec<Vec<u8>>, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let trusted: Vec<_> = certificates.into_iter().map(CertificateDer::from).collect();
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(trusted.iter().cloned());
        if usable == 0 {
            return Err("no certificate to trust can be read".into());
        }
        let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { chains: Some(chains), trusted, provider })
    }

    /// Dates and name of a certificate that is trusted for its own sake. A name is one of its subject alternative names:
    /// the common name counts for nothing (RFC 9525, section 6.1).
    fn verify_trusted(&self, leaf: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
        let dates = der::read(leaf).ok_or(CertificateError::BadEncoding)?;
        if now.as_secs() < dates.not_before {
            let not_before = UnixTime::since_unix_epoch(std::time::Duration::from_secs(dates.not_before));
            return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
        }
        if now.as_secs() > dates.not_after {
            let not_after = UnixTime::since_unix_epoch(std::time::Duration::from_secs(dates.not_after));
            return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
        }
        verify_server_name(&ParsedCertificate::try_from(leaf)?, name)
    }

    fn is_trusted_itself(&self, leaf: &CertificateDer<'_>) -> bool {
        self.trusted.iter().any(|one| one == leaf) && der::read(leaf).is_some_and(|dates| dates.self_issued)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chains) = &self.chains else { return Ok(ServerCertVerified::assertion()) };
        if self.is_trusted_itself(leaf) {
            return self.verify_trusted(leaf, name, now).map(|()| ServerCertVerified::assertion());
        }
        chains.verify_server_cert(leaf, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("QUIC has no TLS 1.2".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
