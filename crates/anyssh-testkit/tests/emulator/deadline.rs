//! Clients that are stuck do not stay.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyssh_testkit::emulator::{Emulator, Fault};

const DEADLINE: Duration = Duration::from_secs(1);

/// Reads until the emulator ends the connection.
fn ends(stream: &mut TcpStream) {
    let start = Instant::now();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("still open: {error}"),
        }
    }
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn a_stuck_client_is_cut_off() {
    let emulator = Emulator::dedalus().with_deadline(DEADLINE).start_blocking().unwrap();
    emulator.add_fault(Fault::on("GET", "/v1/machines").endless().always());
    let address = emulator.base_url().strip_prefix("http://").unwrap().to_owned();
    let get = format!("GET /v1/machines HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", emulator.api_key());
    let post = "POST /v1/machines/x/ssh HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{";
    // Says nothing, says half of a head, half of a body, and one that does not read for long.
    for said in ["", "GET /v1/mach", post, get.as_str()] {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(said.as_bytes()).unwrap();
        ends(&mut stream);
    }
    // At the gateway: a client that never says who it is.
    let mut stream = TcpStream::connect(("127.0.0.1", emulator.gateway().unwrap().port())).unwrap();
    ends(&mut stream);
}
