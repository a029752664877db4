//! The files of the private directory, as values.

use anyssh_core::secrecy::SecretSlice;
use anyssh_core::ssh_key::{LineEnding, PrivateKey, PublicKey};
use anyssh_core::{CallerKey, Credential, UserCertificate};

use crate::arguments::{CERTIFICATE, IDENTITY, PUBLIC_KEY};
use crate::plan::PrivateFile;
use crate::plan_error::PlanError;

/// What ssh reads to log in: in OpenSSH's formats, written from parsed values (requirement S2).
pub(crate) fn credential_files(credential: &Credential) -> Result<Vec<PrivateFile>, PlanError> {
    match credential {
        Credential::Certificate { key, certificate } => Ok(vec![private_key(key)?, certificate_file(certificate)]),
        Credential::CertificateOnly { certificate, key: CallerKey::File(_) } => Ok(vec![certificate_file(certificate)]),
        // ssh picks a key out of the agent by its public half.
        Credential::CertificateOnly { certificate, key: CallerKey::Agent } => {
            Ok(vec![public_key(certificate)?, certificate_file(certificate)])
        }
        Credential::Key(key) => Ok(vec![private_key(key)?]),
        Credential::Password(_) | Credential::KeyFile(_) => Ok(vec![]),
    }
}

fn private_key(key: &PrivateKey) -> Result<PrivateFile, PlanError> {
    let text = key.to_openssh(LineEnding::LF).map_err(PlanError::Key)?;
    Ok(file(IDENTITY, text.as_bytes()))
}

fn certificate_file(certificate: &UserCertificate) -> PrivateFile {
    file(CERTIFICATE, format!("{}\n", certificate.to_line()).as_bytes())
}

fn public_key(certificate: &UserCertificate) -> Result<PrivateFile, PlanError> {
    let key = PublicKey::new(certificate.certificate().public_key().clone(), "");
    let line = key.to_openssh().map_err(PlanError::Key)?;
    Ok(file(PUBLIC_KEY, format!("{}\n", line.trim_end()).as_bytes()))
}

/// The contents go straight into one box that is wiped on drop, never through a growing buffer.
pub(crate) fn file(name: &'static str, contents: &[u8]) -> PrivateFile {
    PrivateFile { name, contents: SecretSlice::from(Box::<[u8]>::from(contents)) }
}
