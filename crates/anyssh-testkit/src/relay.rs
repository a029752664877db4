//! A man in the middle who passes on as much of an SSH connection as a test wants.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::thread;

/// `SSH_MSG_NEWKEYS` (RFC 4253 §12): after it, all is encrypted.
const NEW_KEYS: u8 = 21;

/// Longer lines and packets than these are not passed on (RFC 4253 §4.2, §6.1).
const LONGEST_BANNER: u64 = 255;
const LONGEST_PACKET: u32 = 35_000;

/// How much of what a client sends is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// All of it.
    TheEnd,
    /// Its identification line, so the key exchange never gets going.
    Banner,
    /// Everything up to the end of the key exchange.
    NewKeys,
}

/// Passes on between a client and the server on `port` until the point that is given. Both streams are
/// open still when it returns, unless one of the ends closed them.
pub(crate) fn relay(client: &TcpStream, port: u16, until: Until) -> io::Result<TcpStream> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    server.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        // Either end may close at any time.
        let _ = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
    let (mut from_client, mut to_server) = (BufReader::new(client.try_clone()?), server.try_clone()?);
    if until == Until::TheEnd {
        io::copy(&mut from_client, &mut to_server)?;
        to_server.shutdown(Shutdown::Write)?;
        return Ok(server);
    }
    let mut banner = Vec::new();
    from_client.by_ref().take(LONGEST_BANNER).read_until(b'\n', &mut banner)?;
    to_server.write_all(&banner)?;
    if until == Until::NewKeys {
        pass_on_new_keys(&mut from_client, &mut to_server)?;
    }
    Ok(server)
}

fn pass_on_new_keys(from_client: &mut impl io::Read, to_server: &mut TcpStream) -> io::Result<()> {
    loop {
        let packet = read_packet(from_client)?;
        to_server.write_all(&packet)?;
        if packet.get(5) == Some(&NEW_KEYS) {
            return Ok(());
        }
    }
}

/// One packet that is not encrypted: length, padding length, type, and the rest (RFC 4253 §6).
fn read_packet(from: &mut impl io::Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let count = u32::from_be_bytes(length);
    if count > LONGEST_PACKET {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut packet = length.to_vec();
    from.take(count.into()).read_to_end(&mut packet)?;
    Ok(packet)
}
