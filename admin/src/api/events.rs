//! The event stream of the dashboard: server-sent events that say what kind of thing has changed, and nothing of it.

use crate::Deps;
use crate::describe::{Describe, Draft};
use crate::error::{Result, too_many};
use crate::events::{Event, Events, Missed, Since};
use crate::extract::Query;
use crate::guard::{AnyUser, Caller};
use actix_web::body::BoxBody;
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use futures::stream;
use magic_domain::ids::UserId;
use magic_domain::principal::Role;
use parking_lot::Mutex;
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;
use utoipa::IntoParams;

/// Streams of one user, and of all: each costs a connection.
const OF_USER: usize = 8;
const OF_ALL: usize = 1024;
/// A stream ends after so long and is opened anew: whoever lost an account or a role is found out then.
const LIFE: Duration = Duration::from_secs(300);
/// Silence after which a comment shows that the stream is alive.
const SILENCE: Duration = Duration::from_secs(15);
/// Events of so long are told together.
const GATHER: Duration = Duration::from_millis(300);
/// How often a stream looks whether the process is leaving.
const LOOK: Duration = Duration::from_secs(1);

/// How many streams each user has open.
#[derive(Default)]
pub struct Streams(Mutex<HashMap<UserId, usize>>);

/// A place among the streams, given back when it is dropped.
struct Place(Arc<Streams>, UserId);

impl Streams {
    fn enter(self: &Arc<Self>, user: UserId) -> Option<Place> {
        let mut open = self.0.lock();
        if open.values().sum::<usize>() >= OF_ALL {
            return None;
        }
        let of_user = open.entry(user).or_default();
        if *of_user >= OF_USER {
            return None;
        }
        *of_user += 1;
        Some(Place(self.clone(), user))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.0.0.lock();
        if let Some(count) = open.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.1);
            }
        }
    }
}

/// A stream of server-sent events.
pub struct EventStream(HttpResponse);

impl Responder for EventStream {
    type Body = BoxBody;
    fn respond_to(self, _request: &HttpRequest) -> HttpResponse {
        self.0
    }
}

impl Describe for EventStream {
    fn describe(draft: &mut Draft) {
        draft.answers_as("text/event-stream", None);
    }
}

/// What is told of an event; `None`: it is none of the listener's business.
fn told(event: &Event, user: UserId, all: bool) -> Option<String> {
    match event {
        Event::Calls(users) => (all || users.contains(&user)).then(|| "calls".to_owned()),
        Event::Changed { kind, by } => (all || *by == user).then(|| kind.clone()),
        Event::Health => all.then(|| "health".to_owned()),
        Event::Elsewhere => all.then(|| "everything".to_owned()),
    }
}

#[derive(Default, Deserialize, IntoParams)]
pub struct EventsQuery {
    /// Milliseconds since the page asked for what it shows: what has changed since is told at once. A browser that comes
    /// back says by `Last-Event-ID` what it has heard.
    #[param(example = 1500)]
    pub ago: Option<u64>,
}

/// What a listener has heard with it, and what has changed. Without kinds it shows that the stream is alive.
fn piece(mark: &str, kinds: &BTreeSet<String>) -> String {
    let told: String = kinds.iter().map(|kind| format!("event: changed\ndata: {kind}\n\n")).collect();
    format!("id: {mark}\n: still here\n\n{told}")
}

struct Listener {
    /// Told before all else.
    first: Option<web::Bytes>,
    receiver: Receiver<Event>,
    events: Events,
    user: UserId,
    /// An administrator.
    all: bool,
    /// What it was told of [`Events::is_shared`].
    shared: bool,
    until: Instant,
    spoke: Instant,
    _place: Place,
}

impl Listener {
    fn note(&self, got: std::result::Result<Event, RecvError>, kinds: &mut BTreeSet<String>) {
        match got {
            Ok(event) => kinds.extend(told(&event, self.user, self.all)),
            Err(RecvError::Lagged(_)) => {
                kinds.insert("everything".to_owned());
            }
            Err(RecvError::Closed) => {}
        }
    }

    fn begin(&mut self, mark: &str, missed: Missed) {
        let mut kinds = BTreeSet::new();
        match missed {
            Some(missed) => kinds.extend(missed.iter().filter_map(|event| told(event, self.user, self.all))),
            None => {
                kinds.insert("everything".to_owned());
            }
        }
        self.first = Some(format!("retry: 3000\n{}{}", piece(mark, &kinds), self.sharing()).into());
    }

    /// What has changed of [`Events::is_shared`] since it was told.
    fn sharing(&mut self) -> String {
        let now = self.events.is_shared();
        match std::mem::replace(&mut self.shared, now) == now {
            true => String::new(),
            false => format!("event: shared\ndata: {now}\n\n"),
        }
    }

    /// The next piece of the stream. `None`: it is over.
    async fn piece(&mut self) -> Option<web::Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            // All that was told before it is told by this piece.
            let mark = self.events.mark();
            if Instant::now() >= self.until || self.events.is_closed() {
                return None;
            }
            let mut kinds = BTreeSet::new();
            match timeout(LOOK, self.receiver.recv()).await {
                Ok(got) => {
                    self.note(got, &mut kinds);
                    let end = Instant::now() + GATHER;
                    while let Ok(got) =
                        timeout(end.saturating_duration_since(Instant::now()), self.receiver.recv()).await
                    {
                        self.note(got, &mut kinds);
                    }
                }
                Err(_) if self.spoke.elapsed() >= SILENCE => {
                    self.spoke = Instant::now();
                    return Some(piece(&mark, &kinds).into());
                }
                Err(_) => {}
            }
            let sharing = self.sharing();
            if !sharing.is_empty() {
                return Some((piece(&mark, &kinds) + &sharing).into());
            }
            if !kinds.is_empty() {
                self.spoke = Instant::now();
                return Some(piece(&mark, &kinds).into());
            }
        }
    }
}

/// Tells of changes as `event: changed` with the kind of what has changed: `calls`, `health`, a kind of object
/// (`channel`, `user`, `token` …), or `everything`. Users hear of their own, administrators of all. What was told while a
/// listener was away it hears first. `event: shared` with `true`: other nodes serve calls that are not told here.
pub async fn stream(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    streams: web::Data<Arc<Streams>>,
    request: HttpRequest,
    Query(query): Query<EventsQuery>,
) -> Result<EventStream> {
    let place = streams.enter(caller.user.id).ok_or_else(|| too_many(30))?;
    let heard = request.headers().get("last-event-id").and_then(|mark| mark.to_str().ok());
    let since = match heard {
        Some(mark) => Since::Mark(mark),
        None => Since::Ago(Duration::from_millis(query.ago.unwrap_or(0))),
    };
    let mark = deps.events.mark();
    let (receiver, missed) = deps.events.listen(since);
    let mut listener = Listener {
        first: None,
        receiver,
        events: deps.events.clone(),
        user: caller.user.id,
        all: caller.user.role >= Role::Admin,
        shared: false,
        until: Instant::now() + LIFE,
        spoke: Instant::now(),
        _place: place,
    };
    listener.begin(&mark, missed);
    let pieces = stream::unfold(listener, |mut listener| async move {
        let piece = listener.piece().await?;
        Some((piece, listener))
    });
    let body = futures::StreamExt::map(pieces, Ok::<_, actix_web::Error>);
    let answer = HttpResponse::Ok().content_type("text/event-stream").streaming(body);
    Ok(EventStream(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_hear_of_their_own() {
        let (me, other) = (UserId(1), UserId(2));
        let calls = Event::Calls([other].into());
        assert_eq!(told(&calls, me, false), None);
        assert_eq!(told(&calls, other, false).as_deref(), Some("calls"));
        assert_eq!(told(&calls, me, true).as_deref(), Some("calls"));
        let changed = Event::Changed { kind: "token".into(), by: me };
        assert_eq!(told(&changed, me, false).as_deref(), Some("token"));
        assert_eq!(told(&changed, other, false), None);
        for of_all in [Event::Health, Event::Elsewhere] {
            assert_eq!(told(&of_all, me, false), None);
        }
    }

    #[test]
    fn a_user_has_so_many_streams() {
        let streams = Arc::new(Streams::default());
        let mut places: Vec<_> = (0..OF_USER).filter_map(|_| streams.enter(UserId(1))).collect();
        assert_eq!(places.len(), OF_USER);
        assert!(streams.enter(UserId(1)).is_none());
        assert!(streams.enter(UserId(2)).is_some());
        places.pop();
        assert!(streams.enter(UserId(1)).is_some());
        drop(places);
        assert!(streams.0.lock().is_empty());
    }
}
