//! The prepared way to a channel: its address and the part of the head that is the same for every call. Made
//! once per channel, endpoint and model, and kept with the snapshot they were read from.

use magic_domain::channel::Channel;
use magic_domain::endpoint::Endpoint;
use magic_domain::ids::ChannelId;
use magic_wire::WireError;
use magic_wire::vendors::{Outbound, Target, target};
use parking_lot::RwLock;
use pingora_http::RequestHeader;
use std::collections::HashMap;
use std::sync::Arc;

/// Models come from callers where a channel maps any name: beyond this many, ways are made anew each time.
const KEPT: usize = 4096;

/// Where a call goes and the head it begins with.
pub struct Way {
    pub target: Target,
    /// Host, credential, and what the channel adds; a channel's own headers win over everything.
    pub head: RequestHeader,
}

impl Way {
    /// Makes a way. `path` is OpenAI's path with the caller's query.
    pub fn new(
        channel: &Channel,
        outbound: Outbound,
        upstream_model: &str,
        path: &str,
        stream: bool,
    ) -> Result<Way, WireError> {
        let target = target(channel, outbound, upstream_model, path, stream)?;
        let unfit = |_| WireError::new("a header of the channel can't be sent");
        let size = 8 + target.headers.len() + channel.headers.len();
        let mut head = RequestHeader::build_no_case("POST", target.path_and_query.as_bytes(), Some(size))
            .map_err(|_| WireError::new("the channel's address is malformed"))?;
        head.insert_header("host", target.host_header.as_str()).map_err(unfit)?;
        head.insert_header("accept-encoding", "identity").map_err(unfit)?;
        head.insert_header("user-agent", concat!("magic/", env!("CARGO_PKG_VERSION"))).map_err(unfit)?;
        for (name, value) in &target.headers {
            head.insert_header(name.clone(), value.as_str()).map_err(unfit)?;
        }
        for (name, value) in &channel.headers {
            head.insert_header(name.clone(), value.as_str()).map_err(unfit)?;
        }
        Ok(Way { target, head })
    }
}

type ByModel = HashMap<String, Arc<Way>>;

/// The ways of one snapshot.
#[derive(Default)]
pub struct Ways(RwLock<HashMap<(ChannelId, i64, Endpoint, bool), ByModel>>);

impl Ways {
    /// The way without a query, from memory where it was made before.
    pub fn get(
        &self,
        channel: &Channel,
        outbound: Outbound,
        upstream_model: &str,
        path: &str,
        stream: bool,
    ) -> Result<Arc<Way>, WireError> {
        let key = (channel.id, channel.key_id, outbound.endpoint, stream);
        if let Some(way) = self.0.read().get(&key).and_then(|models| models.get(upstream_model)) {
            return Ok(way.clone());
        }
        let way = Arc::new(Way::new(channel, outbound, upstream_model, path, stream)?);
        let mut ways = self.0.write();
        if ways.values().map(HashMap::len).sum::<usize>() < KEPT {
            ways.entry(key).or_default().insert(upstream_model.to_owned(), way.clone());
        }
        Ok(way)
    }
}
