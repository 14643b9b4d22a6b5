//! The new process's side: it takes the sockets, prepares, and takes over.

use super::wire::{self, Answer, Ask};
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the process before may take for an answer; it gives leases back meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is taken over from the process before.
pub struct Heir {
    stream: UnixStream,
    sockets: HashMap<SocketAddr, TcpListener>,
    /// Standard output and error of the process before, which go on.
    outputs: Vec<OwnedFd>,
    until: Instant,
}

impl Heir {
    /// Asks the process of a data directory for its sockets. `patience`: within this time the new process has to be
    /// ready, counted from now.
    ///
    /// # Errors
    /// In words: there is no such process, or it refuses.
    pub fn of(control: &Path, patience: Duration) -> Result<Heir, String> {
        let until = Instant::now() + patience;
        let stream = connect(control)?;
        let (answer, mut files) = asked(&stream, &Ask::Sockets)?;
        let Answer::Sockets { addresses } = answer else { return Err(refused(answer)) };
        if files.len() != addresses.len() + 2 {
            return Err("the running process has not sent all of its sockets".into());
        }
        let outputs = files.split_off(addresses.len());
        let parsed = addresses.iter().map(|address| address.parse::<SocketAddr>());
        let addresses = parsed.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        let sockets = addresses.into_iter().zip(files.into_iter().map(TcpListener::from)).collect();
        Ok(Heir { stream, sockets, outputs, until })
    }

    /// The socket of an address, where the process before has it.
    pub fn socket(&mut self, address: SocketAddr) -> Option<TcpListener> {
        self.sockets.remove(&address)
    }

    /// The process before stops accepting. What this one writes goes where that one's words went.
    ///
    /// # Errors
    /// In words: it is too late, or it refuses. It goes on then.
    pub fn take_over(&self) -> Result<(), String> {
        if Instant::now() > self.until {
            return Err("it took too long to become ready: the running process goes on".into());
        }
        match asked(&self.stream, &Ask::TakeOver)?.0 {
            Answer::Yours => {}
            other => return Err(refused(other)),
        }
        if let [out, err] = self.outputs.as_slice() {
            // Without them the words are lost, and nothing else.
            let _ = rustix::stdio::dup2_stdout(out);
            let _ = rustix::stdio::dup2_stderr(err);
        }
        Ok(())
    }

    /// Tells the process before that this one accepts. What is returned waits for its end.
    ///
    /// # Errors
    /// In words: it does not hear.
    pub fn serving(self) -> Result<impl FnOnce() + Send, String> {
        wire::send(&self.stream, &Ask::Serving, &[]).map_err(|error| error.to_string())?;
        self.stream.set_read_timeout(None).map_err(|error| error.to_string())?;
        let stream = self.stream;
        Ok(move || {
            let _ = wire::receive::<Answer>(&stream);
        })
    }
}

/// Connects to the process of a data directory.
///
/// # Errors
/// In words: there is none.
pub fn connect(control: &Path) -> Result<UnixStream, String> {
    let stream = UnixStream::connect(control).map_err(|error| {
        format!(
            "no process of MAGIC answers at {}: {error}; is the data directory the right one?",
            control.display()
        )
    })?;
    let timeouts = stream.set_read_timeout(Some(PATIENCE)).and(stream.set_write_timeout(Some(PATIENCE)));
    timeouts.map_err(|error| error.to_string())?;
    Ok(stream)
}

fn asked(stream: &UnixStream, ask: &Ask) -> Result<(Answer, Vec<OwnedFd>), String> {
    wire::ask(stream, ask).map_err(|error| format!("the running process does not answer: {error}"))
}

fn refused(answer: Answer) -> String {
    match answer {
        Answer::No { why } => format!("the running process refuses: {why}"),
        other => format!("the running process answers something else: {other:?}"),
    }
}
