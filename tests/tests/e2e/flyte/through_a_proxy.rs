//! Everything goes through the proxy that the environment names, the tunnel's helper included.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::{RUN, anyssh, builder, home};

/// A proxy for TLS: what it was asked for, each `HOST:PORT`.
#[derive(Debug)]
struct Proxy {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || serve(client, &seen));
            }
        });
        Self { url, asked }
    }
}

/// RFC 9110 §9.3.6, and anything else is closed without a word.
fn serve(client: TcpStream, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let place = head.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    let server = TcpStream::connect(&place).ok()?;
    seen.lock().ok()?.push(place);
    (&client).write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (up, mut to_client) = (server.try_clone().ok()?, client);
    let down = std::thread::spawn(move || {
        let _ended = std::io::copy(&mut &server, &mut to_client);
        let _gone = to_client.shutdown(Shutdown::Both);
    });
    let _ended = std::io::copy(&mut reader, &mut &up);
    let _gone = up.shutdown(Shutdown::Both);
    down.join().ok()
}

/// N10: calls, logins, the probe and the tunnel are all asked of the proxy, and reach the pod through it.
#[test]
fn a_proxy_of_the_environment_carries_the_tunnel_too() {
    let (proxy, emulator) = (Proxy::start(), builder().with_tls().start_blocking().unwrap());
    let home = home();
    let ran = anyssh(&home, &emulator, &["flyte", RUN, "--", "echo in; exit 7"]).env("HTTPS_PROXY", &proxy.url).run();
    assert_eq!(ran.exits(7).text(), "in\n");
    let asked = proxy.asked.lock().unwrap().clone();
    let gateway = emulator.gateway_url();
    let dials = asked.iter().filter(|place| gateway.ends_with(place.as_str())).count();
    let requests = emulator.requests();
    let tunnels = requests.iter().filter(|request| request.status == Some(101)).count();
    // The probe, the reading of the host key, and the session.
    assert!(tunnels == 3 && dials >= tunnels, "{tunnels} tunnels; asked for {asked:?}, the gateway is {gateway}");
}
