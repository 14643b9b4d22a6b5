//! Other sites behind the same door: folders of files, HTTP servers, redirects, chosen by host and path before
//! the gateway's own paths. What nginx used to do for the rest of the house.

pub mod access;
pub mod coding;
pub mod conf;
pub mod entry;
pub mod files;
pub mod health;
pub mod host;
pub mod path;
pub mod redirect;
pub mod refuse;
pub mod servers;
pub mod squeeze;
pub mod table;
pub mod upstream;

pub use entry::{enter, fail, over};
pub use table::Sites;

use crate::proxy::replay::Slot;
use conf::Conf;
use files::Files;
use servers::Servers;
use std::sync::Arc;

/// A site in force.
pub struct Site {
    pub conf: Conf,
    pub kind: Kind,
}

/// What answers for a site.
pub enum Kind {
    Files(Files),
    Servers(Servers),
    Redirect,
}

impl Site {
    pub fn new(conf: Conf) -> Site {
        let kind = match &conf.kind {
            conf::Kind::Files(files) => Kind::Files(Files::new(files)),
            conf::Kind::Servers(servers) => Kind::Servers(Servers::new(servers)),
            conf::Kind::Redirect { .. } => Kind::Redirect,
        };
        Site { conf, kind }
    }

    /// What of a path is below the site's own: it begins with a slash, or is empty.
    pub fn below<'p>(&self, path: &'p str) -> &'p str {
        path.get(self.conf.path.len()..).unwrap_or("")
    }
}

/// A request's way through a site.
pub struct Visit {
    pub site: Arc<Site>,
    /// The server that is asked.
    pub server: Option<usize>,
    /// The servers that have been asked in vain, a bit each.
    pub tried: u64,
    pub tries: u32,
    /// Where the caller's session waits while another has its place.
    pub slot: Option<Slot>,
    /// Bytes of the request's body so far.
    pub body: u64,
    /// Why it ends without an answer of the site's own, once it does.
    pub refusal: Option<(u16, &'static str)>,
}

impl Visit {
    pub fn new(site: Arc<Site>) -> Visit {
        Visit { site, server: None, tried: 0, tries: 0, slot: None, body: 0, refusal: None }
    }

    /// The server that is asked, with its number.
    pub fn asked(&self) -> Option<(usize, &servers::Server)> {
        let Kind::Servers(servers) = &self.site.kind else { return None };
        let at = self.server?;
        Some((at, servers.list.get(at)?))
    }

    /// The server is done with: nothing is under way to it.
    pub fn release(&mut self) {
        if let Some((_, server)) = self.asked() {
            server.leave();
        }
        self.server = None;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.release();
    }
}
