//! What two processes say to each other: a line of JSON each way, with open files beside it.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use serde::{Deserialize, Serialize};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Open files that go with one message: as many listeners as anybody has, and the two outputs.
pub const FILES_MAX: usize = 66;
const LINE_MAX: usize = 64 << 10;

/// What a process is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    Status,
    /// For the listening sockets and the outputs.
    Sockets,
    /// To stop accepting and to give back what it has set aside.
    TakeOver,
    /// The new process accepts: the old one may go.
    Serving,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    Status(Status),
    /// The addresses, in the order of the files; two more files are the outputs.
    Sockets {
        addresses: Vec<String>,
    },
    Yours,
    /// Why not.
    No {
        why: String,
    },
}

/// How a process fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub pid: u32,
    pub version: String,
    pub in_flight: u64,
}

/// Sends a message. Files are duplicated for the receiver.
///
/// # Errors
/// The other side is gone, or does not read.
pub fn send<T: Serialize>(stream: &UnixStream, message: &T, files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::Error::other("too many sockets"));
    }
    let sent =
        rustix::net::sendmsg(stream.as_fd(), &[IoSlice::new(&line)], &mut beside, SendFlags::NOSIGNAL)?;
    if let Some(rest) = line.get(sent..).filter(|rest| !rest.is_empty()) {
        io::Write::write_all(&mut &*stream, rest)?;
    }
    Ok(())
}

/// Receives a message. `None`: the other side has closed.
///
/// # Errors
/// It breaks off, is none, or does not come within the stream's timeout.
pub fn receive<T: for<'de> Deserialize<'de>>(stream: &UnixStream) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let (mut line, mut files) = (Vec::new(), Vec::new());
    while !line.contains(&b'\n') {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; 4096];
        let parts = &mut [IoSliceMut::new(&mut bytes)];
        let got = rustix::net::recvmsg(stream.as_fd(), parts, &mut beside, RecvFlags::CMSG_CLOEXEC)?;
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(sent) = message {
                files.extend(sent);
            }
        }
        if got.bytes == 0 {
            let whole = line.is_empty();
            return if whole { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        line.extend_from_slice(bytes.get(..got.bytes).unwrap_or_default());
        if line.len() > LINE_MAX {
            return Err(io::Error::other("the message is too long"));
        }
    }
    // One message at a time: what follows the line makes it malformed.
    Ok(Some((serde_json::from_slice(&line)?, files)))
}

/// Asks, and waits for the answer.
///
/// # Errors
/// There is none.
pub fn ask(stream: &UnixStream, ask: &Ask) -> io::Result<(Answer, Vec<OwnedFd>)> {
    send(stream, ask, &[])?;
    receive(stream)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn sockets_cross_and_work() {
        let (one, other) = UnixStream::pair().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let long = Answer::Sockets { addresses: vec![address.to_string(); 500] };
        send(&one, &long, &[listener.as_fd()]).unwrap();
        drop((listener, one));
        let (answer, files) = receive::<Answer>(&other).unwrap().unwrap();
        assert_eq!((answer, files.len()), (long, 1));
        let taken = TcpListener::from(files.into_iter().next().unwrap());
        let _client = TcpStream::connect(address).unwrap();
        taken.accept().unwrap();
        assert!(receive::<Answer>(&other).unwrap().is_none());
    }

    #[test]
    fn rubbish_is_an_error() {
        let (one, other) = UnixStream::pair().unwrap();
        for rubbish in ["{\"ask\":\"money\"}\n", "{\"ask\":\"status\"}\n{\"ask\":", "status\n"] {
            io::Write::write_all(&mut &one, rubbish.as_bytes()).unwrap();
            assert!(receive::<Ask>(&other).is_err(), "{rubbish}");
        }
        io::Write::write_all(&mut &one, b"{\"ask\":").unwrap();
        drop(one);
        assert!(receive::<Ask>(&other).is_err(), "half a message");
    }
}
