//! The management API: actix-web on a thread of its own, behind a unix socket that only the proxy reaches. It
//! knows the database and, through [`Live`], the running proxy; it knows neither Pingora nor the wire.

mod answer;
mod api;
mod audit;
mod csv;
mod dashboard;
mod describe;
pub mod endpoints;
mod error;
pub mod events;
mod extract;
mod guard;
mod json;
mod limit;
mod lockout;
pub mod mail;
mod mailroom;
mod oidc;
mod openapi;
pub mod pay;
mod provider;
mod router;
mod turnstile;
mod webauthn;

use async_trait::async_trait;
use magic_domain::feature::Finding;
use magic_domain::ids::{ChannelId, TokenId, UserId};
use magic_domain::limits::{Limits, Scope, Standing};
use magic_domain::price::Price;
use magic_domain::principal::{Token, User};
use magic_domain::prompt::Spec;
use magic_store::Store;
use magic_store::import::Plan;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use api::import::{ImportPhase, ImportState};
pub use router::routes;

/// The running proxy, as far as the management API touches it.
#[async_trait]
pub trait Live: Send + Sync {
    /// Builds the routing table anew and swaps it in. In force when this returns.
    async fn reload(&self) -> Result<(), magic_store::StoreError>;
    /// The table and all who call, read anew: after a change of many. In force when this returns.
    async fn reload_all(&self) -> Result<(), magic_store::StoreError>;
    fn put_user(&self, user: User);
    fn put_token(&self, hash: [u8; 32], token: Token);
    fn remove_token(&self, id: TokenId);
    /// Takes back what calls have set aside but not spent, before a balance is changed.
    async fn recall_user(&self, id: UserId);
    async fn recall_token(&self, id: TokenId);
    /// Calls a channel for real, once, unbilled.
    async fn test_channel(&self, id: ChannelId, model: Option<String>) -> TestOutcome;
    /// Finds out what a channel can do with a model (`None`: its first), with real calls, unbilled, within 50
    /// seconds; keeps the findings and puts them in force. `Invalid`: it offers no such model, or takes no
    /// chats. `Conflict`: it can't be used, or was changed meanwhile. `NotFound`: it was deleted meanwhile.
    async fn check_channel(
        &self,
        id: ChannelId,
        model: Option<String>,
    ) -> Result<Checked, magic_store::StoreError>;
    /// How a channel fares right now, in a word and a reason.
    fn health(&self, id: ChannelId) -> (&'static str, Option<&'static str>);
    /// The enabled channels that are set aside now.
    fn resting(&self) -> Vec<ChannelId>;
    /// Models of channels that nobody paused, and that no channel can be asked for now.
    fn models_down(&self) -> Vec<String>;
    /// Hosts whose certificates are ordered from an authority.
    fn ordered_hosts(&self) -> Vec<String>;
    /// How one of several keys of a channel fares right now.
    fn key_health(&self, id: ChannelId, key: i64) -> (&'static str, Option<&'static str>);
    /// Reads the configuration file again. `Err`: every fault; nothing was changed.
    async fn reload_config(&self) -> Result<Vec<String>, Vec<String>>;
    /// The models each type of vendor is known to have, and the types themselves.
    fn model_lists(&self) -> Vec<(u16, &'static str, &'static str, &'static [String])>;
    /// What makes a base URL unacceptable.
    fn check_base_url(&self, url: &str) -> Result<(), String>;
    /// What is wrong with a version of a prompt.
    fn check_prompt(&self, spec: &Spec) -> Result<(), String>;
    /// The models offered to a group now.
    fn models_of(&self, group: &str) -> Vec<String>;
    /// The group's ratio in millionths, and what it is offered now, by the models' names.
    fn offers(&self, group: &str) -> (i64, Vec<Offer>);
    /// Models that are offered and have no price.
    fn unpriced(&self) -> Vec<String>;
    /// Begins to test all channels, or with `disabled` those that are. `None`: no such scope; false: a round is
    /// under way.
    fn start_tests(&self, scope: &str) -> Option<bool>;
    /// Begins to ask for all balances; false: a round is under way.
    fn start_balances(&self) -> bool;
    /// Asks a channel's vendor for the account's balance, in the vendor's currency, and keeps it.
    async fn balance(&self, id: ChannelId) -> Result<f64, String>;
    /// The models that a channel's vendor offers to the account.
    async fn vendor_models(&self, id: ChannelId) -> Result<Vec<String>, String>;
    /// What an object uses of its limits now, on this node.
    fn standing(&self, scope: Scope, limits: &Limits) -> Standing;
    /// The objects of a kind (`token`, `user`, `group`, `model`, `channel`) that have limits.
    fn limited(&self, kind: &str) -> Vec<(Scope, Limits)>;
    /// The limits of an object. `None`: there is no such object, or it can't be told from one without limits.
    fn limits_of(&self, scope: &Scope) -> Option<Limits>;
    /// Channels, models, groups, prompts and options as a configuration file.
    async fn export(&self) -> Result<String, magic_store::StoreError>;
    /// Where this process may leave files.
    fn data_dir(&self) -> PathBuf;
    /// Begins to take a one-api database over; false: an import is under way.
    fn start_import(&self, plan: Plan) -> bool;
    /// How the import under way stands, or the last one of this process.
    fn import_state(&self) -> ImportState;
    /// Calls a service outside that root has configured (or that we know), within ten seconds.
    async fn outward(&self, call: Outward) -> Result<OutwardAnswer, String>;
}

/// A model that a group is offered.
#[derive(Debug, Clone)]
pub struct Offer {
    pub model: String,
    /// Before the group's ratio.
    pub price: Option<Price>,
    /// The type of the first channel that serves it, in a word.
    pub vendor: &'static str,
    /// Enabled channels that can be asked now, and those that rest after failures.
    pub ready: usize,
    pub resting: usize,
}

/// A call to a service outside.
#[derive(Debug, Clone, Default)]
pub struct Outward {
    /// `GET` or `POST`.
    pub method: &'static str,
    pub url: String,
    /// A `content-type` here wins over the usual `application/json`.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What it answered, whatever the status.
#[derive(Debug, Clone)]
pub struct OutwardAnswer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// What a test of a channel gave.
#[derive(Debug, Clone, PartialEq)]
pub struct TestOutcome {
    pub ok: bool,
    pub message: String,
    pub seconds: f64,
    pub model: String,
}

/// What a conformance check of a channel gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// As callers name it.
    pub model: String,
    /// As the vendor names it.
    pub upstream_model: String,
    pub seconds: f64,
    /// One for each feature, in their order.
    pub findings: Vec<Finding>,
}

/// What the service works with.
#[derive(Clone)]
pub struct Deps {
    pub store: Store,
    pub live: Arc<dyn Live>,
    pub events: events::Events,
    /// What the proxy proves itself with; requests without it are refused.
    pub edge_secret: String,
    /// Calls per address and three minutes; 0: no limit.
    pub api_rate: u32,
    /// Unix seconds.
    pub started: i64,
    pub version: &'static str,
    /// Where the services are that signing in depends on.
    pub endpoints: endpoints::Endpoints,
}

/// A service that runs until it is stopped.
pub struct Running {
    handle: actix_web::dev::ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Starts the service on a socket. Returns when it accepts connections.
pub fn start(deps: Deps, socket: &Path) -> std::io::Result<Running> {
    let socket = socket.to_owned();
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name("admin".into()).spawn(move || {
        let system = actix_web::rt::System::new();
        system.block_on(async move {
            let memory = router::Memory::new(&deps);
            let build = move || router::app(deps.clone(), memory.clone());
            let bound = actix_web::HttpServer::new(build)
                .workers(1)
                .disable_signals()
                .shutdown_timeout(5)
                .client_request_timeout(std::time::Duration::from_secs(10))
                .bind_uds(&socket);
            match bound {
                Ok(server) => {
                    let server = server.run();
                    let _ = sender.send(Ok(server.handle()));
                    if let Err(error) = server.await {
                        log::error!("the management service ended: {error}");
                    }
                }
                Err(error) => {
                    let _ = sender.send(Err(error));
                }
            }
        });
    })?;
    let handle = receiver
        .recv()
        .unwrap_or_else(|_| Err(std::io::Error::other("the management service did not start")))?;
    Ok(Running { handle, thread: Some(thread) })
}

impl Running {
    /// Lets running requests finish, then ends the thread.
    pub async fn stop(mut self) {
        self.handle.stop(true).await;
        if let Some(thread) = self.thread.take() {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}
