//! A key revocation list (`PROTOCOL.krl` of OpenSSH) of certificates by their serials.

use std::io;

use ssh_key::PublicKey;

/// The list for certificates of `authority`, as `sshd` reads it from `RevokedKeys`.
pub(super) fn of_serials(authority: &PublicKey, serials: &[u64]) -> io::Result<Vec<u8>> {
    let mut list = MAGIC.to_vec();
    list.extend(FORMAT.to_be_bytes());
    // Its version, when it was made, and flags: nobody looks at them.
    list.extend([0; 24]);
    string(&mut list, b""); // reserved
    string(&mut list, b""); // comment
    if !serials.is_empty() {
        let mut certificates = Vec::new();
        string(&mut certificates, &authority.to_bytes().map_err(io::Error::other)?);
        string(&mut certificates, b""); // reserved
        certificates.push(SERIAL_LIST);
        string(&mut certificates, &serials.iter().flat_map(|serial| serial.to_be_bytes()).collect::<Vec<_>>());
        list.push(CERTIFICATES);
        string(&mut list, &certificates);
    }
    Ok(list)
}

const MAGIC: &[u8; 8] = b"SSHKRL\n\0";
const FORMAT: u32 = 1;

/// The kinds of sections, and of sections within.
const CERTIFICATES: u8 = 1;
const SERIAL_LIST: u8 = 0x20;

/// `string` of RFC 4251 §5. What is written here is never longer than four bytes can say.
fn string(list: &mut Vec<u8>, bytes: &[u8]) {
    list.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    list.extend(bytes);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::keys::key;

    /// What `ssh-keygen -Q -l` (ssh-keygen(1)) reads in it.
    fn read(list: &[u8]) -> String {
        let directory = tempfile::tempdir().unwrap();
        crate::file::put(&directory.path().join("list"), list, 0o600).unwrap();
        let output = Command::new("ssh-keygen").args(["-Q", "-l", "-f"]).arg(directory.path().join("list")).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn openssh_reads_the_list_that_is_written() {
        let said = read(&of_serials(key(1).public_key(), &[7, 8, 300, u64::MAX]).unwrap());
        let serials: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("serial: ")).collect();
        assert_eq!(serials, ["7-8", "300", "18446744073709551615"], "{said}");
        assert!(!read(&of_serials(key(1).public_key(), &[]).unwrap()).contains("serial"));
    }
}
