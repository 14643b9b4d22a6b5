//! Stripe Checkout: a session per order, and signed notifications
//! (`Stripe-Signature: t=<seconds>,v1=<HMAC-SHA256 of "t.body">`).

use super::{hex, is_signature, provider_fails, site};
use crate::endpoints::Endpoints;
use crate::error::Result;
use crate::{Live, Outward};
use hmac::{Hmac, Mac};
use magic_domain::options::Options;
use magic_store::orders::{Order, Payment};
use openidconnect::url::form_urlencoded;
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;

pub const NAME: &str = "stripe";
/// A notification may be this old, or ahead, in seconds.
const AGE_MAX: i64 = 300;
/// A checkout stays open for this long, in seconds.
const OPEN_FOR: i64 = 3600;

/// What root has set.
pub struct Config {
    api: String,
    key: String,
    secret: String,
    pub currency: String,
    /// What a dollar of balance costs.
    pub unit: f64,
}

impl Config {
    /// `None`: not configured whole.
    pub fn of(options: &Options, endpoints: &Endpoints) -> Option<Config> {
        let text = |key| Some(options.text(key).trim().to_owned()).filter(|text: &String| !text.is_empty());
        let unit = Some(options.float("StripePrice")).filter(|unit| *unit > 0.0)?;
        Some(Config {
            api: endpoints.stripe.trim_end_matches('/').to_owned(),
            key: text("StripeSecretKey")?,
            secret: text("StripeWebhookSecret")?,
            currency: text("StripeCurrency")?.to_ascii_lowercase(),
            unit,
        })
    }

    async fn call(
        &self,
        live: &dyn Live,
        method: &'static str,
        path: &str,
        once: &str,
        form: String,
    ) -> Result<Value> {
        let mut headers = vec![("authorization".to_owned(), format!("Bearer {}", self.key))];
        if method == "POST" {
            headers.push(("content-type".into(), "application/x-www-form-urlencoded".into()));
            headers.push(("idempotency-key".into(), once.to_owned()));
        }
        let call = Outward { method, url: format!("{}{path}", self.api), headers, body: form.into_bytes() };
        let answer = live.outward(call).await.map_err(|error| provider_fails(format!("Stripe: {error}")))?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status != 200 {
            let why = body["error"]["message"].as_str().unwrap_or("no reason given");
            return Err(provider_fails(format!("Stripe answers {}: {why}", answer.status)));
        }
        Ok(body)
    }

    /// Opens a checkout for an order: Stripe's name of it, and where the browser has to go.
    pub async fn open(&self, live: &dyn Live, options: &Options, order: &Order) -> Result<(String, String)> {
        let back = format!("{}/topup?order={}", site(options), order.number);
        let title = format!("{}: ${}", options.text("SystemName"), order.amount.usd());
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("mode", "payment")
            .append_pair("client_reference_id", &order.number)
            .append_pair("metadata[order]", &order.number)
            .append_pair("line_items[0][quantity]", "1")
            .append_pair("line_items[0][price_data][currency]", &order.currency)
            .append_pair("line_items[0][price_data][unit_amount]", &order.price.to_string())
            .append_pair("line_items[0][price_data][product_data][name]", &title)
            .append_pair("success_url", &back)
            .append_pair("cancel_url", &back)
            .append_pair("expires_at", &(order.created_ms / 1000 + OPEN_FOR).to_string())
            .finish();
        let session = self.call(live, "POST", "/v1/checkout/sessions", &order.number, form).await?;
        let text = |name: &str| {
            session[name].as_str().filter(|text| (1..=255).contains(&text.len()) || name == "url")
        };
        match (text("id"), text("url")) {
            (Some(id), Some(url)) => Ok((id.to_owned(), url.to_owned())),
            _ => Err(provider_fails("Stripe's answer holds no session")),
        }
    }

    /// Whether an order has been paid, by Stripe's own word.
    pub async fn ask(&self, live: &dyn Live, order: &Order) -> Result<Option<Payment>> {
        let path = format!("/v1/checkout/sessions/{}", segment(&order.reference));
        let session = self.call(live, "GET", &path, "", String::new()).await?;
        let session: Session = serde_json::from_value(session).unwrap_or_default();
        Ok(session.payment(format!("asked-{}", order.number)))
    }

    /// Reads a notification. `Ok(None)`: a true one that tells of no payment.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn notified(
        &self,
        signature: &str,
        body: &[u8],
        now: i64,
    ) -> std::result::Result<Option<Payment>, &'static str> {
        verified(&self.secret, signature, body, now)?;
        let event: Event = serde_json::from_slice(body).map_err(|_| "the notification is no event")?;
        if !matches!(
            event.kind.as_str(),
            "checkout.session.completed" | "checkout.session.async_payment_succeeded"
        ) {
            return Ok(None);
        }
        if event.id.is_empty() || event.id.len() > 190 {
            return Err("the event has no id");
        }
        Ok(event.data.object.payment(event.id))
    }
}

/// A path segment: Stripe's ids are letters, digits and underscores; anything else is none of theirs.
fn segment(reference: &str) -> String {
    reference.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: EventData,
}

#[derive(Deserialize)]
struct EventData {
    object: Session,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Session {
    id: String,
    client_reference_id: Option<String>,
    payment_status: Option<String>,
    amount_total: Option<i64>,
    currency: Option<String>,
}

impl Session {
    fn payment(self, event_id: String) -> Option<Payment> {
        if self.payment_status.as_deref() != Some("paid") {
            return None;
        }
        Some(Payment {
            provider: NAME,
            number: self.client_reference_id.unwrap_or_default(),
            currency: self.currency.unwrap_or_default().to_ascii_lowercase(),
            price: self.amount_total.unwrap_or(0),
            reference: self.id,
            event_id,
        })
    }
}

/// Whether a notification carries the signature of somebody who knows the secret, and is fresh.
fn verified(secret: &str, signature: &str, body: &[u8], now: i64) -> std::result::Result<(), &'static str> {
    if secret.is_empty() {
        return Err("there is no secret to verify by");
    }
    let parts = || signature.split(',').filter_map(|part| part.trim().split_once('='));
    let time =
        parts().find(|(name, _)| *name == "t").map(|(_, time)| time).ok_or("the signature has no time")?;
    let at: i64 = time.parse().map_err(|_| "the signature has no time")?;
    if now.saturating_sub(at).abs() > AGE_MAX {
        return Err("the notification is too old");
    }
    let good = parts().filter(|(name, _)| *name == "v1").any(|(_, given)| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(body);
        is_signature(given, &hex(&mac.finalize().into_bytes()))
    });
    good.then_some(()).ok_or("the signature is wrong")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(secret: &str, at: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{at}.{body}").as_bytes());
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("t={at},v1={hex},v0=00")
    }

    #[test]
    fn only_fresh_notifications_of_those_who_know_the_secret_are_believed() {
        let body = r#"{"id":"evt_1"}"#;
        let good = signed("whsec", 1000, body);
        assert_eq!(verified("whsec", &good, body.as_bytes(), 1000), Ok(()));
        assert_eq!(verified("whsec", &good, body.as_bytes(), 1300), Ok(()));
        for (secret, signature, body, now) in [
            ("whsec", good.clone(), body, 1301),
            ("whsec", good.clone(), body, 699),
            ("whsec", good.clone(), r#"{"id":"evt_2"}"#, 1000),
            ("", signed("", 1000, body), body, 1000),
            ("other", good.clone(), body, 1000),
            ("whsec", "v1=00".into(), body, 1000),
            ("whsec", "t=1000".into(), body, 1000),
            ("whsec", format!("t=1000,v1={}", "0".repeat(64)), body, 1000),
            ("whsec", format!("t=1000,v1={}", "é".repeat(32)), body, 1000),
        ] {
            assert!(
                verified(secret, &signature, body.as_bytes(), now).is_err(),
                "{secret} {signature} {now}"
            );
        }
    }
}
