//! What people are told without having asked: root of channels, by the message pusher or by mail, and users of a
//! balance that runs low (oneapi.md §2.9).

use crate::gateway::Dead;
use crate::live::LiveGateway;
use magic_admin::mail::{Letter, Mailer, Part};
use magic_admin::{Live, Outward};
use magic_domain::ids::ChannelId;
use magic_domain::money::Nano;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How often balances are looked at.
const LOOK: Duration = Duration::from_secs(30);

/// What happened to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    Disabled(ChannelId, String),
    /// One of several keys; true: it was the last, and the channel is disabled with it.
    KeyDisabled(ChannelId, i64, String, bool),
    Enabled(ChannelId),
}

/// Disables a channel, or one of its keys, and tells root.
pub async fn disable(live: &Arc<LiveGateway>, dead: Dead) {
    let Dead { channel: id, key_id, why } = dead;
    let done = match key_id {
        0 => live.store().auto_disable_channel(id, &why).await.map(|done| (done, done)),
        key => live.store().auto_disable_key(id, key, &why).await,
    };
    match done {
        Ok((true, channel_too)) => {
            let notice = match key_id {
                0 => Notice::Disabled(id, why),
                key => Notice::KeyDisabled(id, key, why, channel_too),
            };
            log::warn!("{notice}");
            tell_root(live.clone(), notice);
            if let Err(error) = live.reload().await {
                log::warn!("the routing table could not be built: {error}");
            }
        }
        Ok((false, _)) => {}
        Err(error) => log::warn!("channel {id} could not be disabled: {error}"),
    }
}

/// For the log.
impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Notice::Disabled(id, why) => write!(f, "channel {id} is disabled: {why}"),
            Notice::KeyDisabled(id, key, why, false) => {
                write!(f, "key {key} of channel {id} is disabled: {why}")
            }
            Notice::KeyDisabled(id, key, why, true) => {
                write!(f, "channel {id} is disabled with its last key, {key}: {why}")
            }
            Notice::Enabled(id) => write!(f, "channel {id} is enabled again"),
        }
    }
}

/// Tells root, in the background; a failure is a line in the log.
pub fn tell_root(live: Arc<LiveGateway>, notice: Notice) {
    let handle = live.runtime().clone();
    handle.spawn(async move {
        if let Err(error) = tell(&live, &notice).await {
            log::warn!("root could not be told of a channel: {error}");
        }
    });
}

async fn tell(live: &LiveGateway, notice: &Notice) -> Result<(), String> {
    let table = live.gateway().routing.load();
    let name =
        |id: &ChannelId| table.table.channel(*id).map_or_else(String::new, |channel| channel.name.clone());
    let (title, text) = match notice {
        Notice::Disabled(id, why) => (
            format!("channel {id} ({}) is disabled", name(id)),
            format!("Channel {id} ({}) was disabled automatically: {why}.", name(id)),
        ),
        Notice::KeyDisabled(id, key, why, channel_too) => (
            format!(
                "{} of channel {id} ({}) is disabled",
                if *channel_too { "the last key" } else { "a key" },
                name(id)
            ),
            format!(
                "Key {key} of channel {id} ({}) was disabled automatically: {why}.{}",
                name(id),
                if *channel_too { " It was the last one: the channel is disabled with it." } else { "" }
            ),
        ),
        Notice::Enabled(id) => (
            format!("channel {id} ({}) is enabled again", name(id)),
            format!("Channel {id} ({}) has passed its test and is enabled again.", name(id)),
        ),
    };
    let options = &table.table.options;
    if !options.text("MessagePusherAddress").is_empty() {
        match push(
            live,
            options.text("MessagePusherAddress"),
            options.text("MessagePusherToken"),
            &title,
            &text,
        )
        .await
        {
            Ok(()) => return Ok(()),
            Err(error) => log::warn!("the message pusher failed, a mail is tried: {error}"),
        }
    }
    let address = live.store().root_address().await.map_err(|error| error.to_string())?;
    let Some(address) = address.filter(|_| !options.text("SMTPServer").is_empty()) else { return Ok(()) };
    let letter = Letter { title, parts: vec![Part::Text(text)] };
    Mailer::new(live.store().clone()).send(&address, &letter).await.map_err(|error| error.to_string())
}

async fn push(live: &LiveGateway, url: &str, token: &str, title: &str, text: &str) -> Result<(), String> {
    let body = json!({
        "title": title, "description": text, "content": text, "url": "", "channel": "", "token": token,
    });
    let call =
        Outward { method: "POST", url: url.to_owned(), headers: vec![], body: body.to_string().into_bytes() };
    let answer = live.outward(call).await?;
    let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match answer.status == 200 && told["success"] != false {
        true => Ok(()),
        false => Err(format!("status {}", answer.status)),
    }
}

/// Looks for balances that run low, for ever.
pub async fn remind(live: Arc<LiveGateway>) {
    let mailer = Mailer::new(live.store().clone());
    loop {
        tokio::time::sleep(LOOK).await;
        live.duties().wait().await;
        if let Err(error) = look(&live, &mailer).await {
            log::debug!("nobody was reminded: {error}");
        }
    }
}

async fn look(live: &LiveGateway, mailer: &Mailer) -> Result<(), String> {
    let table = live.gateway().routing.load();
    let options = &table.table.options;
    let threshold = Nano::from_quota(options.int("QuotaRemindThreshold"));
    if options.text("SMTPServer").is_empty() || !threshold.is_positive() {
        return Ok(());
    }
    let reminders = live.store().take_reminders(threshold).await.map_err(|error| error.to_string())?;
    for reminder in reminders {
        let (title, text) = match reminder.balance.is_positive() {
            true => {
                ("Your balance runs low", format!("${} are left in your account.", reminder.balance.usd()))
            }
            false => {
                ("Your balance is used up", "Nothing is left in your account; calls are refused.".to_owned())
            }
        };
        let url = format!("{}/topup", options.text("ServerAddress").trim_end_matches('/'));
        let parts = vec![Part::Text(text), Part::Link { label: "Top up".into(), url }];
        if let Err(error) = mailer.send(&reminder.email, &Letter { title: title.into(), parts }).await {
            log::warn!("user {} could not be told of a low balance: {error}", reminder.user_id);
        }
    }
    Ok(())
}
