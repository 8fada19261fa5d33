//! Settings: what each side shows and whom it believes, from files in PEM.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A certificate, those up to its authority behind it, and its key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// From two files in PEM.
    pub fn load(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Fallible<Identity> {
        Ok(Identity {
            chain: certificates(certificate.as_ref())?,
            key: PrivateKeyDer::from_pem_file(key.as_ref())
                .map_err(|error| format!("{}: {error}", key.as_ref().display()))?,
        })
    }
}

/// Settings of the accepting side. With `clients`, an authority's certificate in a file, every
/// client has to show a certificate of that authority.
pub fn server(identity: Identity, clients: Option<&Path>) -> Fallible<Arc<ServerConfig>> {
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions()?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots(file)?.into(), provider());
            builder.with_client_cert_verifier(verifier.build()?)
        }
    };
    let config = builder.with_single_cert(identity.chain, identity.key)?;
    Ok(Arc::new(config))
}

/// Settings of the dialling side, which believes the authority whose certificate is in this file.
/// With an identity it shows that.
pub fn client(authority: &Path, identity: Option<Identity>) -> Fallible<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(roots(authority)?);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder.with_client_auth_cert(identity.chain, identity.key)?,
    };
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

fn roots(file: &Path) -> Fallible<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Fallible<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    let found: Vec<_> = read.map_err(|error| format!("{}: {error}", file.display()))?;
    match found.is_empty() {
        true => Err(format!("{}: no certificate in it", file.display()).into()),
        false => Ok(found),
    }
}
