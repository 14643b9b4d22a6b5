//! A folder of files. What has been looked at is remembered for a second, most files with their content; then
//! it is looked at again.

mod answer;
mod condition;
mod lent;
mod look;
mod memory;
mod range;
mod send;

use super::conf::FilesConf;
use super::path::{self, Bad};
use super::refuse::refuse;
use crate::gateway::Gateway;
use crate::proxy::context::Ctx;
use http::Method;
use look::{Content, Found};
use memory::Memory;
use pingora_error::Result;
use pingora_proxy::Session;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a look at the disk may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// See the module's text.
pub struct Files {
    conf: Arc<FilesConf>,
    memory: Memory,
    content: Content,
}

impl Files {
    pub fn new(conf: &FilesConf) -> Files {
        Files {
            conf: Arc::new(conf.clone()),
            memory: Memory::new(conf.memory_bytes),
            content: Content::new(conf.memory_bytes),
        }
    }

    /// Answers a request. `below` is what of its path is below the site's.
    pub async fn serve(
        &self,
        gateway: &Gateway,
        session: &mut Session,
        ctx: &Ctx,
        below: &str,
    ) -> Result<()> {
        let method = &session.req_header().method;
        if !matches!(*method, Method::GET | Method::HEAD) {
            return refuse(session, 405, "this address is only read: GET or HEAD", &[("allow", "GET, HEAD")])
                .await;
        }
        if below.is_empty() && session.req_header().uri.path().len() > 1 {
            return answer::folder(session).await;
        }
        match self.find(below, ctx.started).await {
            Ok(found) => match found.as_ref() {
                Found::File(file) => answer::file(gateway, session, ctx, file).await,
                Found::Folder => answer::folder(session).await,
            },
            Err(Gone::Missing) => refuse(session, 404, "there is nothing at this address", &[]).await,
            Err(Gone::Malformed) => refuse(session, 400, "the address is malformed", &[]).await,
            Err(Gone::Late) => refuse(session, 503, "the file can't be read now", &[]).await,
        }
    }

    async fn find(&self, below: &str, now: Instant) -> Result<Arc<Found>, Gone> {
        if let Some(found) = self.memory.get(below, now) {
            return Ok(found);
        }
        let name = path::name(below)?;
        let (conf, content, known) = (self.conf.clone(), self.content.clone(), self.memory.peek(below));
        let looked = tokio::task::spawn_blocking(move || look::look(&conf, &content, &name, known));
        let found = match tokio::time::timeout(DEADLINE, looked).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) | Err(_) => return Err(Gone::Late),
        };
        match found {
            Some(found) => Ok(self.memory.put(below, found, now)),
            None => {
                self.memory.forget(below);
                Err(Gone::Missing)
            }
        }
    }
}

/// Why there is no file.
enum Gone {
    Missing,
    Malformed,
    Late,
}

impl From<Bad> for Gone {
    fn from(bad: Bad) -> Self {
        match bad {
            Bad::Missing => Gone::Missing,
            Bad::Malformed => Gone::Malformed,
        }
    }
}
