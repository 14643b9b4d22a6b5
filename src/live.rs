//! The running proxy as the management API and the background jobs see it.

use crate::catalogue;
use crate::cli::Common;
use crate::gateway::Gateway;
use crate::importing::{self, Importing};
use crate::jobs::duties::Duties;
use crate::jobs::rounds::{self, Round, Rounds};
use crate::limits::{Meter, calendar};
use crate::prompts::Prompts;
use crate::proxy::kept::{Archive, Kept};
use crate::settings::{self, Settings};
use crate::wallet::{Bank, BankAway, Owner};
use crate::{conformance, probe, settings::Faults};
use async_trait::async_trait;
use magic_admin::events::Event;
use magic_admin::{Checked, ImportState, Live, Offer, TestOutcome};
use magic_domain::channel::{Channel, ChannelStatus};
use magic_domain::health::Verdict;
use magic_domain::ids::{ChannelId, TokenId, UserId};
use magic_domain::limits::{Limits, Scope, Standing};
use magic_domain::money::Nano;
use magic_domain::principal::{Token, User};
use magic_domain::prompt::Spec;
use magic_domain::table::Table;
use magic_store::import::Plan;
use magic_store::ledger::LeaseScope;
use magic_store::responses::KeptResponse;
use magic_store::{Store, StoreError};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// The database as the bank of the wallets.
pub struct StoreBank {
    pub store: Store,
    pub epoch: String,
    /// No other node spends from the same balances.
    pub alone: Arc<AtomicBool>,
}

fn scope(owner: Owner) -> LeaseScope {
    match owner {
        Owner::User(id) => LeaseScope::User(id),
        Owner::Token(id) => LeaseScope::Token(id),
    }
}

#[async_trait]
impl Bank for StoreBank {
    async fn lease(&self, owner: Owner, need: Nano, want: Nano) -> Result<Nano, BankAway> {
        let answer = match self.alone.load(Ordering::Acquire) {
            true => self.store.lease(scope(owner), need, want, &self.epoch).await,
            false => self.store.lease_share(scope(owner), need, want, &self.epoch).await,
        };
        answer.map_err(|error| {
            log::debug!("no lease: {error}");
            BankAway
        })
    }

    async fn unlease(&self, owner: Owner, amount: Nano) -> Result<(), BankAway> {
        self.store.unlease(scope(owner), amount, &self.epoch).await.map_err(|_| BankAway)
    }
}

/// The database as the archive of answers.
pub struct StoreArchive(pub Store);

#[async_trait]
impl Archive for StoreArchive {
    async fn keep(&self, kept: Kept) -> Result<(), String> {
        let Kept { id, user, channel, input, response } = kept;
        let row = KeptResponse { id, user, channel, input, response };
        self.0.keep_response(row).await.map_err(|error| error.to_string())
    }

    async fn find(&self, id: &str, user: UserId) -> Result<Option<Kept>, String> {
        let found = self.0.kept_response(id, user).await.map_err(|error| error.to_string())?;
        Ok(found.map(|KeptResponse { id, user, channel, input, response }| Kept {
            id,
            user,
            channel,
            input,
            response,
        }))
    }

    async fn forget(&self, id: &str, user: UserId) -> Result<bool, String> {
        self.0.forget_response(id, user).await.map_err(|error| error.to_string())
    }
}

/// See the module's text.
pub struct LiveGateway {
    gateway: Arc<Gateway>,
    store: Store,
    /// This process's life.
    epoch: String,
    common: Common,
    settings: arc_swap::ArcSwap<Settings>,
    builds: AtomicU64,
    /// The number of the newest change of the database that is in force here.
    in_force: AtomicI64,
    /// Builds take turns, so that an older one can't replace a newer one.
    building: tokio::sync::Mutex<()>,
    rounds: Rounds,
    importing: Importing,
    duties: Duties,
    lost: Arc<tokio::sync::Notify>,
    /// Where background work runs.
    runtime: tokio::runtime::Handle,
    /// Itself, for work that outlives the call that began it.
    me: Weak<LiveGateway>,
}

impl LiveGateway {
    pub fn new(
        gateway: Arc<Gateway>,
        store: Store,
        epoch: String,
        common: Common,
        settings: Settings,
        runtime: tokio::runtime::Handle,
    ) -> Arc<Self> {
        let rounds = Rounds::new(settings.polling_interval);
        Arc::new_cyclic(|me| Self {
            gateway,
            store,
            epoch,
            common,
            settings: arc_swap::ArcSwap::from_pointee(settings),
            builds: AtomicU64::new(0),
            in_force: AtomicI64::new(0),
            building: tokio::sync::Mutex::new(()),
            rounds,
            importing: Importing::default(),
            duties: Duties::default(),
            lost: Arc::default(),
            runtime,
            me: me.clone(),
        })
    }

    /// This process's life.
    pub fn node(&self) -> &str {
        &self.epoch
    }

    /// Whether this node does what is done once for all.
    pub fn duties(&self) -> &Duties {
        &self.duties
    }

    /// The longest that anything which is polled may be old.
    pub fn sync(&self) -> std::time::Duration {
        self.settings.load().sync
    }

    /// Rung when this node was declared lost.
    pub fn lost(&self) -> Arc<tokio::sync::Notify> {
        self.lost.clone()
    }

    pub fn declared_lost(&self) {
        self.lost.notify_one();
    }

    pub fn rounds(&self) -> &Rounds {
        &self.rounds
    }

    pub fn importing(&self) -> &Importing {
        &self.importing
    }

    pub fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }

    /// The number of the newest change of the database that is in force here.
    pub fn in_force(&self) -> i64 {
        self.in_force.load(Ordering::Relaxed)
    }

    pub fn put_in_force(&self, version: i64) {
        self.in_force.store(version, Ordering::Relaxed);
    }

    fn start_round(&self, round: Round) -> bool {
        self.me.upgrade().is_some_and(|me| rounds::start(me, round))
    }

    /// Enables a channel that was disabled automatically and has passed a test, where the options say so.
    pub async fn enable_after_test(&self, id: ChannelId, ok: bool) {
        let snapshot = self.gateway.routing.load();
        let Some(channel) = snapshot.table.channel(id) else { return };
        let was_auto = channel.status == ChannelStatus::AutoDisabled;
        if ok && was_auto && snapshot.table.options.bool("AutomaticEnableChannelEnabled") {
            let enabled = match channel.key_id {
                0 => self.store.auto_enable_channel(id).await,
                key => self.store.auto_enable_key(id, key).await,
            };
            match enabled {
                Ok(true) => {
                    log::info!("channel {id} passed its test and is enabled again");
                    if let Some(me) = self.me.upgrade() {
                        crate::notices::tell_root(me, crate::notices::Notice::Enabled(id));
                    }
                    if let Err(error) = self.reload().await {
                        log::warn!("the routing table could not be built: {error}");
                    }
                }
                Ok(false) => {}
                Err(error) => log::warn!("channel {id} could not be enabled: {error}"),
            }
        }
    }

    fn channel(&self, id: ChannelId) -> Result<Arc<Channel>, String> {
        let found = self.gateway.routing.load().table.channel(id).cloned();
        found.ok_or_else(|| "the channel's secrets can't be opened".to_owned())
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    pub fn file(&self) -> Option<PathBuf> {
        self.settings.load().file.clone()
    }

    /// Loads users and tokens anew.
    pub async fn load_principals(&self) -> Result<(), StoreError> {
        let load = self.gateway.principals.load();
        let (users, tokens) =
            tokio::try_join!(self.store.principals_users(), self.store.principals_tokens())?;
        load.finish(users, tokens);
        Ok(())
    }

    /// What other processes, now and earlier, have spent of budgets.
    pub async fn load_spent(&self) -> Result<(), StoreError> {
        let day = calendar::today();
        let rows = self.store.spent_elsewhere(&self.epoch, day).await?;
        self.gateway.meters.learn(day, rows);
        Ok(())
    }

    /// Everything anew: what another node may have changed.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        self.reload().await?;
        self.load_principals().await?;
        crate::acme::load(self).await
    }

    /// The database has forgotten what it had committed last: what is set aside here may be set aside there no more, and
    /// what was loaded may be gone.
    pub async fn rewound(self: Arc<Self>) {
        self.gateway.wallets.recall_all().await;
        if let Err(error) = self.refresh().await {
            log::warn!("what the database has now could not be loaded: {error}");
        }
    }

    /// Reads the file again and applies the difference; a faulty file changes nothing.
    pub async fn reload_settings(&self) -> Result<Vec<String>, Vec<String>> {
        let done = self.read_settings().await;
        self.gateway.metrics.reloaded(done.is_ok());
        done
    }

    async fn read_settings(&self) -> Result<Vec<String>, Vec<String>> {
        let new =
            settings::load(&self.common, &|name| std::env::var(name).ok()).map_err(|Faults(lines)| lines)?;
        let said = |error: StoreError| vec![error.to_string()];
        // What a file declares is for all nodes: a follower leaves it to those whose file says so.
        if !new.follower {
            self.store.apply_owned(new.owned.clone()).await.map_err(said)?;
        }
        let old = self.settings.load_full();
        let waiting = old.restart_needed(&new).into_iter().map(str::to_owned).collect();
        let (certificates, shown) = (self.gateway.certificates.clone(), new.clone());
        let configured = move || certificates.configure(&shown.listen, &shown.certificates);
        let configured = tokio::task::spawn_blocking(configured).await;
        configured.map_err(|error| vec![error.to_string()])?.map_err(|why| vec![why])?;
        self.gateway.tuning.store(Arc::new(new.tuning.clone()));
        let (calls, memory) = new.capacity();
        self.gateway.overload.resize(calls, memory);
        self.gateway.sites.configure(&new.sites);
        self.settings.store(Arc::new(new));
        self.refresh().await.map_err(said)?;
        Ok(waiting)
    }
}

/// A verdict in a word, with its reason.
fn word(verdict: Verdict, reason: Option<&'static str>) -> (&'static str, Option<&'static str>) {
    match verdict {
        Verdict::Ready => ("ready", None),
        Verdict::Ejected { .. } => ("resting", reason),
        Verdict::Probe | Verdict::Probing => ("probing", reason),
    }
}

#[async_trait]
impl Live for LiveGateway {
    async fn reload(&self) -> Result<(), StoreError> {
        let _turn = self.building.lock().await;
        let loaded = self.store.load().await?;
        let version = self.builds.fetch_add(1, Ordering::Relaxed) + 1;
        let catalogue = Arc::new(catalogue::build(&loaded));
        let groups = catalogue::groups(&loaded.options);
        let table = Table::build(version, loaded.channels, groups, catalogue, Arc::new(loaded.options));
        let prompts = Prompts::build(loaded.prompts, &self.gateway.routing.load().prompts);
        self.gateway.routing.publish(table.lacking(loaded.lacks), prompts);
        self.gateway.events.tell(Event::Health);
        Ok(())
    }

    async fn reload_all(&self) -> Result<(), StoreError> {
        self.refresh().await
    }

    fn put_user(&self, user: User) {
        self.gateway.principals.put_user(user);
    }

    fn put_token(&self, hash: [u8; 32], token: Token) {
        self.gateway.principals.put_token(hash, token);
    }

    fn remove_token(&self, id: TokenId) {
        self.gateway.principals.remove_token(id);
    }

    async fn recall_user(&self, id: UserId) {
        if self.gateway.wallets.recall(Owner::User(id)).await.is_err() {
            log::warn!("the lease of user {id} could not be given back");
        }
    }

    async fn recall_token(&self, id: TokenId) {
        if self.gateway.wallets.recall(Owner::Token(id)).await.is_err() {
            log::warn!("the lease of token {id} could not be given back");
        }
    }

    async fn test_channel(&self, id: ChannelId, model: Option<String>) -> TestOutcome {
        let outcome = probe::test(&self.gateway, id, model).await;
        self.enable_after_test(id, outcome.ok).await;
        outcome
    }

    async fn check_channel(&self, id: ChannelId, model: Option<String>) -> Result<Checked, StoreError> {
        let started = std::time::Instant::now();
        let Some(channel) = self.gateway.routing.load().table.channel(id).cloned() else {
            return Err(StoreError::Conflict("the channel's secrets can't be opened".into()));
        };
        let invalid = |what: String| StoreError::Invalid(what);
        let model = match model {
            Some(model) if channel.offered().any(|name| name == model) => model,
            Some(model) => return Err(invalid(format!("the channel does not offer the model {model}"))),
            None => channel
                .offered()
                .next()
                .map(str::to_owned)
                .ok_or_else(|| invalid("the channel offers no model".into()))?,
        };
        let upstream_model = channel.upstream_model(&model).to_owned();
        if !conformance::applies(&channel, &upstream_model) {
            return Err(invalid("the channel's type takes no chats: there is nothing to check".into()));
        }
        let findings = conformance::run(&self.gateway, &channel, &upstream_model).await;
        self.store.replace_capabilities(&channel, &upstream_model, findings.clone()).await?;
        self.reload().await?;
        Ok(Checked { model, upstream_model, seconds: started.elapsed().as_secs_f64(), findings })
    }

    fn health(&self, id: ChannelId) -> (&'static str, Option<&'static str>) {
        let snapshot = self.gateway.routing.load();
        let Some(state) = snapshot.state(id) else { return ("unknown", None) };
        let health = state.health.lock();
        let now_ms = self.gateway.routing.now_ms();
        match (snapshot.keyring(id), health.verdict(now_ms)) {
            (Some(keyring), Verdict::Ready) => {
                let (verdict, reason) = keyring.verdict(now_ms);
                word(verdict, reason)
            }
            (_, verdict) => word(verdict, health.reason()),
        }
    }

    fn resting(&self) -> Vec<ChannelId> {
        let snapshot = self.gateway.routing.load();
        let enabled = snapshot.table.channels().filter(|channel| channel.status == ChannelStatus::Enabled);
        enabled.map(|channel| channel.id).filter(|id| self.health(*id).0 == "resting").collect()
    }

    fn ordered_hosts(&self) -> Vec<String> {
        self.settings().acme.as_ref().map(|acme| acme.hosts.clone()).unwrap_or_default()
    }

    fn models_down(&self) -> Vec<String> {
        let snapshot = self.gateway.routing.load();
        let mut ready = std::collections::BTreeMap::new();
        for channel in snapshot.table.channels().filter(|c| c.status != ChannelStatus::Disabled) {
            let asked = channel.status == ChannelStatus::Enabled && self.health(channel.id).0 != "resting";
            for model in channel.offered() {
                *ready.entry(model).or_insert(false) |= asked;
            }
        }
        ready.into_iter().filter(|(_, ready)| !ready).map(|(model, _)| model.to_owned()).collect()
    }

    fn key_health(&self, id: ChannelId, key: i64) -> (&'static str, Option<&'static str>) {
        let snapshot = self.gateway.routing.load();
        let known = snapshot.keyring(id).and_then(|keys| keys.key(key, self.gateway.routing.now_ms()));
        known.map_or(("unknown", None), |(verdict, reason)| word(verdict, reason))
    }

    async fn reload_config(&self) -> Result<Vec<String>, Vec<String>> {
        self.reload_settings().await
    }

    fn model_lists(&self) -> Vec<(u16, &'static str, &'static str, &'static [String])> {
        let vendors = magic_wire::vendors::VENDORS.iter();
        vendors.map(|v| (v.kind, v.name, v.base_url, magic_wire::vendors::model_list(v.kind))).collect()
    }

    fn check_base_url(&self, url: &str) -> Result<(), String> {
        settings::check_base_url(url)
    }

    fn check_prompt(&self, spec: &Spec) -> Result<(), String> {
        crate::prompts::check(spec)
    }

    fn models_of(&self, group: &str) -> Vec<String> {
        self.gateway.routing.load().table.models_of(group).into_iter().map(str::to_owned).collect()
    }

    fn offers(&self, group: &str) -> (i64, Vec<Offer>) {
        let snapshot = self.gateway.routing.load();
        let table = &snapshot.table;
        // Once for all models: a channel is looked at under a lock, and offers many.
        let set_aside: std::collections::HashSet<ChannelId> = self.resting().into_iter().collect();
        let offer = |model: &str| {
            let enabled = table.offers(group, model).iter().filter(|c| c.status == ChannelStatus::Enabled);
            let (mut ready, mut resting, mut first) = (0, 0, None);
            for channel in enabled {
                first = first.or(Some(channel));
                match set_aside.contains(&channel.id) {
                    true => resting += 1,
                    false => ready += 1,
                }
            }
            let price = first.and_then(|c| table.catalogue.price(c.upstream_model(model), c.kind));
            let vendor = first.and_then(|c| magic_wire::vendors::vendor(c.kind));
            Offer {
                model: model.to_owned(),
                price: price.map(|price| price.as_ref().clone()),
                vendor: vendor.map_or("", |vendor| vendor.name),
                ready,
                resting,
            }
        };
        (table.ratio(group), table.models_of(group).into_iter().map(offer).collect())
    }

    fn start_tests(&self, scope: &str) -> Option<bool> {
        rounds::scope(scope).map(|round| self.start_round(round))
    }

    fn start_balances(&self) -> bool {
        self.start_round(Round::Balances)
    }

    async fn balance(&self, id: ChannelId) -> Result<f64, String> {
        let channel = self.channel(id)?;
        rounds::update_balance(self, &channel).await
    }

    async fn vendor_models(&self, id: ChannelId) -> Result<Vec<String>, String> {
        let channel = self.channel(id)?;
        crate::vendor_account::models(&self.gateway, &channel).await
    }

    async fn outward(&self, call: magic_admin::Outward) -> Result<magic_admin::OutwardAnswer, String> {
        crate::outward::call(&self.gateway, call).await
    }

    async fn export(&self) -> Result<String, StoreError> {
        Ok(crate::export::toml(&self.store.load().await?))
    }

    fn data_dir(&self) -> PathBuf {
        self.settings.load().data_dir.clone()
    }

    fn start_import(&self, plan: Plan) -> bool {
        self.me.upgrade().is_some_and(|me| importing::start(me, plan))
    }

    fn import_state(&self) -> ImportState {
        self.importing.state()
    }

    fn standing(&self, scope: Scope, limits: &Limits) -> Standing {
        let (gateway, day) = (&self.gateway, calendar::today());
        let meter = match &scope {
            Scope::Channel(id) => gateway.routing.load().state(*id).map(|state| state.meter.clone()),
            _ => None,
        };
        let meter = meter.unwrap_or_else(|| gateway.meters.meter(&scope));
        let seat = gateway.meters.seat_at(scope, meter, limits, day);
        Meter::standing(&seat, gateway.routing.now_ms(), day)
    }

    fn limited(&self, kind: &str) -> Vec<(Scope, Limits)> {
        let table = self.gateway.routing.load().table.clone();
        let mut all: Vec<(Scope, Limits)> = match kind {
            "token" => {
                let tokens = self.gateway.principals.all().1.into_iter();
                tokens.map(|token| (Scope::Token(token.id), token.limits.clone())).collect()
            }
            "user" => {
                let users = self.gateway.principals.all().0.into_iter();
                users.map(|user| (Scope::User(user.id), user.limits.clone())).collect()
            }
            "group" => {
                let groups = table.group_limits().iter();
                groups.map(|(name, limits)| (Scope::Group(name.clone()), limits.total.clone())).collect()
            }
            "model" => {
                let models = table.model_limits().iter();
                models.map(|(name, limits)| (Scope::Model(name.clone()), limits.clone())).collect()
            }
            "channel" => {
                table.channels().map(|channel| (Scope::Channel(channel.id), channel.limits.clone())).collect()
            }
            _ => Vec::new(),
        };
        all.retain(|(_, limits)| !limits.is_none());
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    fn limits_of(&self, scope: &Scope) -> Option<Limits> {
        let (principals, table) = (&self.gateway.principals, self.gateway.routing.load().table.clone());
        match scope {
            Scope::Token(id) => principals.token_by_id(*id).map(|token| token.limits.clone()),
            Scope::User(id) => principals.user(*id).map(|user| user.limits.clone()),
            Scope::Member(_, group) => table.group_limits().get(group).map(|limits| limits.per_user.clone()),
            Scope::Group(name) => table.group_limits().get(name).map(|limits| limits.total.clone()),
            Scope::Model(name) => table.model_limits().get(name).cloned(),
            Scope::Channel(id) => table.channel(*id).map(|channel| channel.limits.clone()),
        }
    }

    fn unpriced(&self) -> Vec<String> {
        let snapshot = self.gateway.routing.load();
        let mut names = std::collections::BTreeSet::new();
        for channel in snapshot.table.channels() {
            for model in channel.offered() {
                if snapshot.table.catalogue.price(channel.upstream_model(model), channel.kind).is_none() {
                    names.insert(model.to_owned());
                }
            }
        }
        names.into_iter().collect()
    }
}
