//! The sockets of the configuration: bound here, or taken over from the process before.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections that may wait to be accepted; the kernel lowers it to its own limit.
const BACKLOG: i32 = 65_535;

/// Takes an address without listening yet: who connects is refused until [`start`]. A port that was just left can be
/// taken again at once.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    Ok(TcpListener::from(socket))
}

/// Listens on a socket; one that listens already goes on.
pub fn start(socket: &TcpListener) -> io::Result<()> {
    Ok(rustix::net::listen(socket, BACKLOG)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_bound_once() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap();
        assert!(std::net::TcpStream::connect(address).is_err());
        start(&first).unwrap();
        assert!(std::net::TcpStream::connect(address).is_ok());
        assert_eq!(bind(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(bind(address).is_ok());
    }
}
