//! `request_filter`, second half: who calls, may they, and can they pay.

use super::credential::{self, Presented};
use super::intake::Intake;
use super::seats::{self, Seated};
use crate::books::{Holds, Ticket};
use crate::gateway::Gateway;
use crate::snapshot::Snapshot;
use crate::wallet::{Owner, Refused};
use magic_domain::books::Opening;
use magic_domain::channel::Channel;
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::{Code, Fault};
use magic_domain::ids::RequestId;
use magic_domain::money::Nano;
use magic_domain::principal::{Role, Token, User, token_status, user_status};
use magic_domain::usage::{Bucket, Usage};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A caller who was let in.
#[derive(Clone)]
pub struct Caller {
    pub token: Arc<Token>,
    pub user: Arc<User>,
    pub ip: IpAddr,
}

impl Caller {
    pub fn is_admin(&self) -> bool {
        self.user.role >= Role::Admin
    }

    /// The groups whose channels may serve this caller, in order.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let own = self.token.groups.is_empty().then_some(self.user.group.as_str());
        own.into_iter().chain(self.token.groups.iter().map(String::as_str))
    }
}

/// Looks the presented token up and checks everything that needs no body. In one-api's order.
pub fn identify(gateway: &Gateway, presented: &Presented, ip: IpAddr, now: i64) -> Result<Caller, Fault> {
    let Some(token) = gateway.principals.token(&presented.hash) else {
        return Err(if gateway.database_up() {
            credential::invalid()
        } else {
            // It may have been made a moment ago on another node: only the database could tell.
            Fault::new(Code::QuotaAuthorityUnavailable, "the API key can't be checked right now; try again")
                .retry_after(5)
        });
    };
    if gateway.stale.load(Ordering::Relaxed) {
        // Another node may have taken the key back.
        let why = "this node has not heard from its database for too long; try again";
        return Err(Fault::new(Code::QuotaAuthorityUnavailable, why).retry_after(5));
    }
    if token.old_key.is_some_and(|old| old.hash == presented.hash && old.until <= now) {
        return Err(credential::invalid());
    }
    match token.status {
        token_status::ENABLED => {}
        token_status::EXHAUSTED => {
            return Err(Fault::new(Code::TokenExhausted, "this API key has used up its quota"));
        }
        token_status::EXPIRED => return Err(Fault::new(Code::TokenExpired, "this API key has expired")),
        _ => return Err(Fault::new(Code::TokenDisabled, "this API key is disabled")),
    }
    if token.expired_time != -1 && token.expired_time <= now {
        return Err(Fault::new(Code::TokenExpired, "this API key has expired"));
    }
    if !token.subnets.is_empty() && !in_subnets(ip, &token.subnets) {
        return Err(Fault::new(Code::IpNotAllowed, "this API key may not be used from your address"));
    }
    let Some(user) = gateway.principals.user(token.user_id) else {
        return Err(credential::invalid());
    };
    if user.status != user_status::ENABLED {
        return Err(Fault::new(Code::UserBanned, "this account is disabled"));
    }
    let caller = Caller { token, user, ip };
    if presented.channel.is_some() && !caller.is_admin() {
        return Err(Fault::new(Code::ChannelNotAllowed, "only administrators can choose a channel"));
    }
    Ok(caller)
}

fn in_subnets(ip: IpAddr, subnets: &[String]) -> bool {
    // An IPv4 client of a dual-stack listener appears as ::ffff:a.b.c.d.
    let ip = ip.to_canonical();
    subnets.iter().any(|text| match text.trim().parse::<ipnet::IpNet>() {
        Ok(net) => net.contains(&ip),
        Err(_) => text.trim().parse::<IpAddr>().is_ok_and(|only| only == ip),
    })
}

/// Whether the token may call the model.
pub fn model_allowed(caller: &Caller, model: &str) -> Result<(), Fault> {
    if caller.token.models.is_empty() || caller.token.models.iter().any(|allowed| allowed == model) {
        return Ok(());
    }
    Err(Fault::new(Code::ModelNotAllowed, format!("this API key may not use the model {model}")).at("model"))
}

/// What is asked of the books for one call.
pub struct Ask<'a> {
    pub id: RequestId,
    pub at_ms: i64,
    pub caller: &'a Caller,
    pub group: &'a str,
    pub endpoint: Endpoint,
    pub model: &'a str,
    pub prompt: &'a str,
    pub stream: bool,
    pub snapshot: &'a Snapshot,
    pub candidates: &'a [Arc<Channel>],
    pub estimate: Usage,
    pub now_ms: u64,
}

/// Reserves the estimate and opens the call in the books.
pub async fn reserve(gateway: &Gateway, ask: Ask<'_>) -> Result<Arc<Ticket>, Fault> {
    let ratio = ask.snapshot.table.ratio(ask.group);
    let mut reserved = Nano::ZERO;
    for channel in ask.candidates {
        let priced = channel.upstream_model(ask.model);
        match ask.snapshot.table.catalogue.price(priced, channel.kind) {
            Some(price) => reserved = reserved.max(price.bill(&ask.estimate, ratio)),
            None if ask.caller.is_admin() => {}
            None => {
                return Err(Fault::new(
                    Code::ModelPriceUnknown,
                    format!("the model {} has no price yet; an administrator has to set one", ask.model),
                )
                .at("model"));
            }
        }
    }
    let token = &ask.caller.token;
    let seated = seats::seat(gateway, &ask, reserved)?;
    let user = gateway.wallets.wallet(Owner::User(ask.caller.user.id));
    gateway.wallets.take(&user, reserved).await.map_err(|refused| match refused {
        Refused::Insufficient => Fault::new(
            Code::InsufficientUserQuota,
            format!(
                "the balance does not reach: this call reserves up to ${}; top up, or set a lower limit on the answer",
                reserved.usd()
            ),
        ),
        Refused::BankAway => authority_away(),
    })?;
    let token_wallet = if token.unlimited_quota {
        None
    } else {
        let wallet = gateway.wallets.wallet(Owner::Token(token.id));
        if let Err(refused) = gateway.wallets.take(&wallet, reserved).await {
            user.settle(reserved, Nano::ZERO);
            return Err(match refused {
                Refused::Insufficient => Fault::new(
                    Code::TokenExhausted,
                    format!(
                        "the quota of this API key does not reach: this call reserves up to ${}",
                        reserved.usd()
                    ),
                ),
                Refused::BankAway => authority_away(),
            });
        }
        Some(wallet)
    };
    let opening = Opening {
        id: ask.id,
        at_ms: ask.at_ms,
        user_id: ask.caller.user.id,
        username: ask.caller.user.username.clone(),
        token_id: token.id,
        token_name: token.name.clone(),
        token_limited: !token.unlimited_quota,
        group: ask.group.to_owned(),
        ratio,
        endpoint: ask.endpoint,
        model: ask.model.to_owned(),
        stream: ask.stream,
        reserved,
        ip: ask.caller.ip.to_string(),
        prompt: ask.prompt.to_owned(),
    };
    let Seated { places, budgets, told, tokens } = seated;
    let holds = Holds { user, token: token_wallet, places, budgets, told, tokens };
    Ticket::open(&gateway.books, opening, holds).map_err(|error| {
        log::error!("a call is refused because the journal can't be written: {error}");
        Fault::new(Code::QuotaAuthorityUnavailable, "calls can't be recorded right now; try again")
            .retry_after(5)
    })
}

fn authority_away() -> Fault {
    Fault::new(Code::QuotaAuthorityUnavailable, "balances can't be checked right now; try again")
        .retry_after(5)
}

/// Units a call may use at most, for the reservation: the prompt by its length, the answer by its limit.
/// Meant to be too high rather than too low; what is not used comes back.
pub fn estimate(
    snapshot: &Snapshot,
    endpoint: Endpoint,
    intake: &Intake,
    candidates: &[Arc<Channel>],
) -> Usage {
    let hot = &snapshot.table.hot;
    let peek = &intake.peek;
    // Three bytes a token is below what tokenizers reach on prose and code in any script.
    let prompt = (peek.prompt_bytes as u64).div_ceil(3);
    let mut usage = upfront(endpoint, intake).with(Bucket::Request, 1);
    match endpoint {
        Endpoint::Speech | Endpoint::Moderations | Endpoint::Raw => {}
        Endpoint::Transcriptions | Endpoint::Translations => {
            // 64 kbit/s speech is 8 kB a second; denser formats are shorter than this says.
            usage.set(Bucket::Second, (intake.body.len() as u64 / 8_000).max(1));
            usage.set(Bucket::Input, (intake.body.len() as u64 / 800).max(1));
        }
        _ => usage.set(Bucket::Input, prompt + hot.pre_consumed),
    }
    if endpoint.generates() {
        let ceiling = hot.max_output;
        let model_max = candidates
            .iter()
            .filter_map(|channel| {
                let model = peek.model.as_deref().unwrap_or_default();
                let price = snapshot.table.catalogue.price(channel.upstream_model(model), channel.kind)?;
                price.max_output.map(u64::from)
            })
            .max();
        let per_choice = match peek.max_output {
            // A limit above what the model gives reserves no more than the model gives.
            Some(limit) => model_max.map_or(limit, |max| limit.min(max)),
            None => model_max.map_or(ceiling, |max| max.min(ceiling)),
        };
        usage.set(Bucket::Output, per_choice.saturating_mul(u64::from(peek.n.max(1))));
    }
    usage
}

/// Units known before the vendor answers.
pub fn upfront(endpoint: Endpoint, intake: &Intake) -> Usage {
    let usage = Usage::default();
    match endpoint {
        Endpoint::Speech => usage.with(Bucket::Character, intake.peek.characters.unwrap_or(0)),
        Endpoint::ImageGenerations | Endpoint::ImageEdits | Endpoint::ImageVariations => {
            usage.with(Bucket::Image, u64::from(intake.peek.n.max(1)))
        }
        _ => usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_hold_addresses_of_both_kinds() {
        let nets = vec!["10.0.0.0/8".to_owned(), "192.0.2.7".to_owned(), "2001:db8::/32".to_owned()];
        for (ip, inside) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("2001:db8::1", true),
        ] {
            assert_eq!(in_subnets(ip.parse().unwrap(), &nets), inside, "{ip}");
        }
    }
}
