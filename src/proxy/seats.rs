//! The limits of a call's caller: their token, their account, the group the call is billed in, the model.

use super::admit::Ask;
use crate::gateway::Gateway;
use crate::limits::{Asking, Place, Seat, Told, admit, calendar};
use magic_domain::fault::{Code, Fault};
use magic_domain::limits::{Day, Limits, Scope};
use magic_domain::money::Nano;
use pingora_error::Result as Outcome;
use pingora_http::ResponseHeader;

/// What a call was given.
#[derive(Default)]
pub struct Seated {
    pub places: Vec<Place>,
    /// The names of those with budgets.
    pub budgets: Vec<String>,
    pub told: Told,
    /// Tokens the call may use.
    pub tokens: u64,
}

/// Lets the call in by all limits of its caller, or by none. Costs a few comparisons where there are none.
pub fn seat(gateway: &Gateway, ask: &Ask<'_>, reserved: Nano) -> Result<Seated, Fault> {
    let tokens = ask.estimate.input_total().saturating_add(ask.estimate.output_total());
    let limited = limits(ask);
    if limited.is_empty() {
        return Ok(Seated { tokens, ..Seated::default() });
    }
    let budgets: Vec<String> = limited
        .iter()
        .filter(|(_, limits)| !limits.budgets.is_none())
        .map(|(scope, _)| scope.to_string())
        .collect();
    let day = if budgets.is_empty() { Day::default() } else { calendar::today() };
    let seats: Vec<Seat<'_>> =
        limited.into_iter().map(|(scope, limits)| gateway.meters.seat(scope, limits, day)).collect();
    let asking = Asking { now_ms: ask.now_ms, tokens, money: reserved, day };
    let (places, told) = admit(&seats, &asking).map_err(|reached| {
        Fault::new(Code::RateLimitExceeded, reached.what).retry_after(reached.retry_after)
    })?;
    Ok(Seated { places, budgets, told, tokens })
}

/// The objects that have limits, in the order of [`Scope`].
fn limits<'a>(ask: &'a Ask<'_>) -> Vec<(Scope, &'a Limits)> {
    let (token, user, table) = (&ask.caller.token, &ask.caller.user, &ask.snapshot.table);
    let mut all = Vec::new();
    let mut add = |scope: &dyn Fn() -> Scope, limits: &'a Limits| {
        if !limits.is_none() {
            all.push((scope(), limits));
        }
    };
    add(&|| Scope::Token(token.id), &token.limits);
    add(&|| Scope::User(user.id), &user.limits);
    if let Some(group) = table.group_limits().get(ask.group) {
        add(&|| Scope::Member(user.id, ask.group.to_owned()), &group.per_user);
        add(&|| Scope::Group(ask.group.to_owned()), &group.total);
    }
    if let Some(model) = table.model_limits().get(ask.model) {
        add(&|| Scope::Model(ask.model.to_owned()), model);
    }
    all
}

/// Tells the caller how far their limits are from their end, by the names that OpenAI has for it.
pub fn tell(told: &Told, head: &mut ResponseHeader) -> Outcome<()> {
    let all = [
        (
            told.requests,
            ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
        ),
        (
            told.tokens,
            ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
        ),
    ];
    for (gauge, [limit, remaining, reset]) in all {
        if let Some(gauge) = gauge {
            head.insert_header(limit, gauge.limit.to_string())?;
            head.insert_header(remaining, gauge.remaining.to_string())?;
            head.insert_header(reset, duration(gauge.reset_ms))?;
        }
    }
    Ok(())
}

/// A duration as OpenAI writes it: `12ms`, `1.5s`, `6m0s`, `2h0m5s`.
fn duration(ms: u64) -> String {
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let rest = ms % 60_000;
    let seconds = match (rest / 1000, rest % 1000) {
        (whole, 0) => format!("{whole}s"),
        (0, part) if ms < 1000 => return format!("{part}ms"),
        (whole, part) => format!("{whole}.{part:03}s"),
    };
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, _) => format!("{minutes}m{seconds}"),
        _ => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_openai_does() {
        for (ms, text) in [
            (0, "0s"),
            (12, "12ms"),
            (1_500, "1.500s"),
            (360_000, "6m0s"),
            (7_205_000, "2h0m5s"),
            (60_001, "1m0.001s"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }
}
