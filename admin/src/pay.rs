//! Payment providers: what is asked of them, and what of their word is believed. A provider is there once it is
//! configured whole; without its secret its routes answer 404 (SR-19).

pub mod epay;
pub mod stripe;

use crate::Live;
use crate::endpoints::Endpoints;
use crate::error::{self, ApiError, Result};
use magic_domain::money::{NANO_PER_USD, Nano};
use magic_domain::options::Options;
use magic_store::orders::{Order, Payment, Settled};
use magic_store::{Store, StoreError};

/// Open orders are asked about for this long, in milliseconds; a checkout is open for an hour.
const ASKED_FOR_MS: i64 = 3 * 3600 * 1000;
/// Orders of one round.
const ROUND: i64 = 100;

/// Currencies without a smaller unit, as Stripe lists them.
const WHOLE: &[&str] = &[
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof",
    "xpf",
];

/// What goes wrong between us and a provider.
pub(crate) fn provider_fails(message: impl Into<String>) -> ApiError {
    error::make(502, "payment_provider_error", message)
}

/// What `amount` of balance costs in a currency's smallest unit, rounded up; `unit` is the price of a dollar.
/// `None`: out of range.
pub fn price(amount: Nano, unit: f64, currency: &str) -> Option<i64> {
    let unit = magic_domain::money::decimal_to_i64(unit, 1e6).filter(|unit| *unit > 0)?;
    let smallest = if WHOLE.contains(&currency) { 1 } else { 100 };
    let exact = i128::from(amount.0) * i128::from(unit) * smallest;
    let whole = i128::from(NANO_PER_USD) * 1_000_000;
    i64::try_from((exact + whole - 1) / whole).ok().filter(|price| *price > 0)
}

/// A shown amount: `"12.30"`.
pub fn shown(price: i64, currency: &str) -> String {
    match WHOLE.contains(&currency) {
        true => price.to_string(),
        false => format!("{}.{:02}", price / 100, price % 100),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a signature is the one it should be, in hex, told in a time that says nothing.
pub(crate) fn is_signature(given: &str, right: &str) -> bool {
    use subtle::ConstantTimeEq;
    given.to_ascii_lowercase().as_bytes().ct_eq(right.as_bytes()).into()
}

/// Where the site is for browsers and providers, without a slash at its end.
pub(crate) fn site(options: &Options) -> &str {
    options.text("ServerAddress").trim_end_matches('/')
}

/// Asks an open order's provider whether it has been paid, and credits it if so.
pub async fn check(
    store: &Store,
    live: &dyn Live,
    endpoints: &Endpoints,
    options: &Options,
    order: &Order,
) -> Result<Option<Settled>> {
    let paid: Option<Payment> = match order.provider.as_str() {
        stripe::NAME => match stripe::Config::of(options, endpoints) {
            Some(config) if !order.reference.is_empty() => config.ask(live, order).await?,
            _ => None,
        },
        epay::NAME => match epay::Config::of(options) {
            Some(config) => config.ask(live, order).await?,
            None => None,
        },
        _ => None,
    };
    match paid {
        Some(payment) => Ok(Some(store.settle_order(payment).await?)),
        None => Ok(None),
    }
}

/// Asks about all open orders: notifications get lost. For the background.
///
/// # Errors
/// The database's; what providers do not answer is asked again next time.
pub async fn round(
    store: &Store,
    live: &dyn Live,
    endpoints: &Endpoints,
) -> std::result::Result<(), StoreError> {
    let since = chrono::Utc::now().timestamp_millis() - ASKED_FOR_MS;
    let open = store.open_orders(since, ROUND).await?;
    if open.is_empty() {
        return Ok(());
    }
    let (options, _) = store.options().await?;
    for order in open {
        match check(store, live, endpoints, &options, &order).await {
            Ok(Some(Settled::Credited(order))) => log::info!("order {} was paid", order.number),
            Ok(Some(Settled::Refused(why))) => log::warn!("order {} can't be credited: {why}", order.number),
            Ok(_) => {}
            Err(error) => log::warn!("order {} could not be asked about: {error}", order.number),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_rounded_up_and_never_nothing() {
        let usd = |dollars: i64| Nano(dollars * NANO_PER_USD);
        assert_eq!(price(usd(5), 1.0, "usd"), Some(500));
        assert_eq!(price(usd(5), 7.3, "cny"), Some(3650));
        assert_eq!(price(usd(1), 0.333, "eur"), Some(34));
        assert_eq!(price(usd(2), 151.4, "jpy"), Some(303));
        assert_eq!(price(Nano(1), 0.000001, "usd"), Some(1));
        assert_eq!(price(usd(1), 0.0, "usd"), None);
        assert_eq!(price(Nano(i64::MAX), 9e9, "usd"), None);
        assert_eq!((shown(1230, "usd"), shown(303, "jpy")), ("12.30".into(), "303".into()));
    }
}
