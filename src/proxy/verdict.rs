//! Accept, try the next channel, or give up: decided only while no byte has reached the caller.

use super::context::{Call, Ctx, Current, Refusal, Reply};
use super::replay;
use crate::gateway::Dead;
use crate::metrics::Reason;
use magic_admin::events::Event;
use magic_domain::books::Attempt;
use magic_domain::fault::{Code, Fault};
use magic_domain::health::{Outcome, Verdict};
use magic_wire::fault::{FaultClass, VendorFault, disables_channel};
use pingora_core::protocols::http::v2::client::PING_TIMEDOUT;
use pingora_error::{Error, ErrorSource, ErrorType};

/// Raised by our own filters when the vendor's answer is an error.
pub const VENDOR_ERROR: ErrorType = ErrorType::Custom("VendorError");

/// What a failed try says about its channel, and whether another may do better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling {
    pub outcome: Outcome,
    pub retry: bool,
}

/// A vendor's error: by its status first, by what it says second.
pub fn of_answer(status: u16, fault: &VendorFault, retry_after: Option<u64>) -> Ruling {
    let limited = Outcome::Limited { retry_after_ms: retry_after.unwrap_or(1).clamp(1, 600) * 1000 };
    match (status, fault.class) {
        (_, FaultClass::Quota) => Ruling { outcome: Outcome::Unauthorised, retry: true },
        (401 | 403, _) | (_, FaultClass::Auth) => Ruling { outcome: Outcome::Unauthorised, retry: true },
        (402, _) => Ruling { outcome: Outcome::Unauthorised, retry: true },
        (429, _) | (_, FaultClass::RateLimit) => Ruling { outcome: limited, retry: true },
        (408 | 409, _) | (500.., _) => Ruling { outcome: Outcome::Failure, retry: true },
        (_, FaultClass::Overloaded | FaultClass::Server | FaultClass::Timeout) => {
            Ruling { outcome: Outcome::Failure, retry: true }
        }
        _ => Ruling { outcome: Outcome::Neutral, retry: false },
    }
}

/// An error of the connection.
pub fn of_error(error: &Error) -> Ruling {
    if error.etype == replay::CLIENT_GONE {
        return Ruling { outcome: Outcome::Neutral, retry: false };
    }
    if error.etype == replay::TOTAL_TIMEOUT {
        return Ruling { outcome: Outcome::Failure, retry: false };
    }
    Ruling { outcome: Outcome::Failure, retry: true }
}

/// Closes the current try: its row among the attempts, its channel's health.
pub fn conclude(ctx: &mut Ctx, status: u16, error: &str, outcome: Outcome) {
    let gateway = ctx.gateway.clone();
    let Some(call) = ctx.call.as_deref_mut() else { return };
    let Call { current, attempts, snapshot, next, reason, .. } = call;
    let Some(Current { channel, started, recorded, .. }) = current else { return };
    if std::mem::replace(recorded, true) {
        return;
    }
    *reason = reason_of(status, error, outcome);
    gateway.metrics.calls.attempt(*reason);
    if let Some(trace) = &mut ctx.trace {
        trace.try_ends(status, *reason);
    }
    attempts.push(Attempt {
        channel_id: channel.id,
        status,
        ms: started.elapsed().as_millis() as u64,
        error: error.to_owned(),
    });
    let now_ms = gateway.routing.now_ms();
    if gateway.routing.record(snapshot, channel, outcome) {
        gateway.events.tell(Event::Health);
        match channel.key_id {
            0 => log::warn!("channel {} is set aside: {error}", channel.id),
            key => log::warn!("key {key} of channel {} is set aside: {error}", channel.id),
        }
        // Another key of the same channel may do better: it is the next candidate once more.
        let others = snapshot.keyring(channel.id).map(|keyring| keyring.verdict(now_ms).0);
        if matches!(others, Some(Verdict::Ready | Verdict::Probe))
            && matches!(outcome, Outcome::Unauthorised | Outcome::Limited { .. })
        {
            *next = next.saturating_sub(1);
        }
    }
}

/// Whether a kept connection broke before the vendor can have done anything, as far as can be known: it may have been closed
/// when it had been idle for long, or be forgotten by a firewall. Pingora tells where nothing was done for certain: a
/// stream refused, a connection that takes no more.
pub fn connection_was_dead(error: &mut Error, reused: bool) -> bool {
    error.retry.decide_reuse(reused);
    let broke = [ErrorType::ConnectionClosed, ErrorType::ReadError, ErrorType::WriteError, PING_TIMEDOUT]
        .contains(&error.etype);
    let ours = *error.esource() == ErrorSource::Downstream;
    !ours && (error.retry() || (reused && broke))
}

/// Whether the same channel is asked once more, over another connection, after one that [was dead](connection_was_dead):
/// that says nothing about the channel.
pub fn asks_again(ctx: &mut Ctx, error: &Error) -> bool {
    let Some(call) = ctx.call.as_deref() else { return false };
    let may = !call.asked_again
        && matches!(call.reply, Reply::Waiting)
        && !call.replay.committed()
        && !call.replay.gone();
    if !may {
        return false;
    }
    conclude(ctx, 0, error.etype().as_str(), Outcome::Neutral);
    let Some(call) = ctx.call.as_deref_mut() else { return false };
    call.asked_again = true;
    call.next = call.next.saturating_sub(1);
    call.tries = call.tries.saturating_sub(1);
    ctx.gateway.metrics.calls.failover(call.reason);
    true
}

/// Whether another channel may be tried now. Spends a retry of the model's budget.
pub fn may_retry(ctx: &Ctx) -> bool {
    let Some(call) = ctx.call.as_deref() else { return false };
    let may = !call.pinned
        && !call.replay.committed()
        && !call.replay.gone()
        && call.next < call.candidates.len()
        && call.tries < call.max_tries
        && call.snapshot.budget(&call.model).is_none_or(|budget| budget.spend(ctx.gateway.routing.now_ms()));
    if may {
        ctx.gateway.metrics.calls.failover(call.reason);
    }
    may
}

/// What came of a try, in a word.
fn reason_of(status: u16, error: &str, outcome: Outcome) -> Reason {
    match outcome {
        Outcome::Success => Reason::Ok,
        Outcome::Unauthorised => Reason::Credentials,
        Outcome::Limited { .. } => Reason::RateLimit,
        Outcome::Neutral if error == replay::CLIENT_GONE.as_str() => Reason::ClientGone,
        Outcome::Neutral if status > 0 => Reason::Request,
        Outcome::Neutral => Reason::Connection,
        Outcome::Failure if status > 0 => Reason::Vendor,
        Outcome::Failure if error.contains("imedout") || error.contains("imeout") => Reason::Timeout,
        Outcome::Failure => Reason::Connection,
    }
}

/// The vendor answered with an error. Records it, and says what the caller is told if nobody does better.
pub fn vendor_error(ctx: &mut Ctx, status: u16, fault: VendorFault, retry_after: Option<u64>) -> Ruling {
    let ruling = of_answer(status, &fault, retry_after);
    conclude(ctx, status, &format!("{status} {}", short(&fault.message)), ruling.outcome);
    if let Some(call) = ctx.call.as_deref()
        && let Some(current) = &call.current
        && call.snapshot.table.hot.auto_disable
        && let Some(why) = disables_channel(status, &fault)
        && ctx.gateway.disable.send(Dead::of(&current.channel, why)).is_err()
    {
        log::debug!("nobody disables channels any more");
    }
    let refusal =
        if matches!(status, 401..=403) || matches!(fault.class, FaultClass::Auth | FaultClass::Quota) {
            // The vendor refuses *our* key: no caller shall doubt theirs.
            Refusal::from(Fault::new(Code::UpstreamError, "the vendor refuses the gateway's credentials"))
        } else {
            let shown = if status < 400 { 502 } else { status };
            let mut told = Fault::new(Code::UpstreamError, fault.message.clone()).with_status(shown);
            told.param.clone_from(&fault.param);
            told.retry_after = retry_after;
            Refusal { fault: told, vendor: Some(fault) }
        };
    ctx.refusal = Some(refusal);
    ruling
}

/// What the caller is told of an error of the connection.
pub fn told(error: &Error) -> Fault {
    let etype = &error.etype;
    if *etype == replay::FIRST_BYTE_TIMEOUT
        || *etype == replay::IDLE_TIMEOUT
        || *etype == replay::TOTAL_TIMEOUT
    {
        return Fault::new(Code::UpstreamTimeout, "the vendor did not answer in time");
    }
    if *etype == VENDOR_ERROR {
        let why =
            error.context.as_ref().map_or("the vendor's answer is of no use", |context| context.as_str());
        return Fault::new(Code::UpstreamError, why);
    }
    match etype {
        ErrorType::ConnectTimedout
        | ErrorType::TLSHandshakeTimedout
        | ErrorType::ReadTimedout
        | ErrorType::WriteTimedout => Fault::new(Code::UpstreamTimeout, "the vendor did not answer in time"),
        ErrorType::ConnectRefused
        | ErrorType::ConnectError
        | ErrorType::ConnectNoRoute
        | ErrorType::ConnectProxyFailure
        | ErrorType::SocketError
        | ErrorType::TLSHandshakeFailure
        | ErrorType::InvalidCert => Fault::new(Code::UpstreamError, "the vendor can't be reached"),
        _ => Fault::new(Code::UpstreamError, "the connection to the vendor broke"),
    }
}

fn short(message: &str) -> String {
    message.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(class: FaultClass) -> VendorFault {
        VendorFault { message: "m".into(), kind: "k".into(), code: "c".into(), param: None, class }
    }

    #[test]
    fn failover_follows_the_list() {
        for status in [401, 402, 403, 408, 409, 429, 500, 502, 503, 529] {
            assert!(of_answer(status, &fault(FaultClass::Unknown), None).retry, "{status}");
        }
        for status in [400, 404, 413, 415, 422] {
            let ruling = of_answer(status, &fault(FaultClass::InvalidRequest), None);
            assert_eq!(ruling, Ruling { outcome: Outcome::Neutral, retry: false }, "{status}");
        }
    }

    #[test]
    fn a_try_is_told_in_a_word() {
        let word = |status, error: &ErrorType, outcome| reason_of(status, error.as_str(), outcome).name();
        assert_eq!(word(0, &ErrorType::ConnectTimedout, Outcome::Failure), "timeout");
        assert_eq!(word(0, &replay::IDLE_TIMEOUT, Outcome::Failure), "timeout");
        assert_eq!(word(0, &ErrorType::ConnectRefused, Outcome::Failure), "connection");
        assert_eq!(word(0, &replay::CLIENT_GONE, Outcome::Neutral), "client_gone");
        assert_eq!(word(503, &VENDOR_ERROR, Outcome::Failure), "vendor_error");
    }

    #[test]
    fn a_rate_limit_rests_the_channel_for_its_retry_after() {
        let ruling = of_answer(429, &fault(FaultClass::RateLimit), Some(7));
        assert_eq!(ruling.outcome, Outcome::Limited { retry_after_ms: 7_000 });
        assert_eq!(of_answer(429, &fault(FaultClass::Quota), Some(7)).outcome, Outcome::Unauthorised);
    }
}
