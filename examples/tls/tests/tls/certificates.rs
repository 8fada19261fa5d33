//! Certificates: an authority of this run's own, and those that it, or another one, has signed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jackfield_tls::Fingerprint;
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Where the files are: `authority.pem`, and `server`, `client`, `other` and `stranger`, each
/// with `.pem` and `.key`. The stranger's is of another authority.
pub struct Certificates {
    directory: PathBuf,
    pub client: Fingerprint,
}

/// The name that the server's certificate is for; 127.0.0.1 is the other.
pub const NAME: &str = "localhost";

/// Tells a program that a test starts where the files are.
pub const CERTIFICATES: &str = "JACKFIELD_CERTIFICATES";

pub fn certificates() -> &'static Certificates {
    static FOUND: OnceLock<Certificates> = OnceLock::new();
    FOUND.get_or_init(|| {
        let directory = env::var_os(CERTIFICATES).map_or_else(make, PathBuf::from);
        let client = CertificateDer::from_pem_file(directory.join("client.pem"));
        let client = Fingerprint::of(&client.expect("a certificate"));
        Certificates { directory, client }
    })
}

impl Certificates {
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// As `file`, for a command line that is split at spaces.
    pub fn text(&self, name: &str) -> String {
        let text = self.file(name).display().to_string();
        assert!(!text.contains(' '), "{text}");
        text
    }
}

struct Authority {
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Authority { certificate, key }
    }

    /// Signs one and writes it down with its key.
    fn sign(&self, directory: &Path, name: &str, hosts: &[&str]) {
        let key = KeyPair::generate().expect("a key");
        let signed = named(name, hosts).signed_by(&key, &self.certificate, &self.key);
        let signed = signed.expect("a certificate");
        let write = |end: &str, text: String| {
            fs::write(directory.join(format!("{name}.{end}")), text).expect("it can be written");
        };
        write("pem", signed.pem());
        write("key", key.serialize_pem());
    }
}

fn named(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| host.to_string()).collect();
    let mut params = CertificateParams::new(hosts).expect("names");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn make() -> PathBuf {
    let name = format!("certificates-{}", std::process::id());
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&directory).expect("a directory of its own");
    let authority = Authority::new("authority");
    let file = directory.join("authority.pem");
    fs::write(file, authority.certificate.pem()).expect("it can be written");
    authority.sign(&directory, "server", &[NAME, "127.0.0.1"]);
    authority.sign(&directory, "other", &[]);
    Authority::new("nobody").sign(&directory, "stranger", &[NAME]);
    authority.sign(&directory, "client", &[]);
    directory
}
