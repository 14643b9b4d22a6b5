//! Epay (Alipay, WeChat Pay and others behind one address): a signed link per order, signed notifications, and a
//! query by which an order's state is asked. Signatures are MD5 over the sorted parameters and the key.

use super::{hex, is_signature, provider_fails, shown, site};
use crate::error::Result;
use crate::{Live, Outward};
use magic_domain::options::Options;
use magic_store::orders::{Order, Payment};
use md5::{Digest, Md5};
use openidconnect::url::form_urlencoded;
use serde_json::Value;
use std::collections::BTreeMap;

pub const NAME: &str = "epay";
/// What Epay counts in.
pub const CURRENCY: &str = "cny";

/// What root has set.
pub struct Config {
    address: String,
    id: String,
    key: String,
    pub methods: Vec<String>,
    /// What a dollar of balance costs.
    pub unit: f64,
}

/// Parameters by their names.
pub type Parameters = BTreeMap<String, String>;

impl Config {
    /// `None`: not configured whole.
    pub fn of(options: &Options) -> Option<Config> {
        let text = |key| Some(options.text(key).trim().to_owned()).filter(|text: &String| !text.is_empty());
        let unit = Some(options.float("EpayPrice")).filter(|unit| *unit > 0.0)?;
        Some(Config {
            address: text("EpayAddress")?.trim_end_matches('/').to_owned(),
            id: text("EpayId")?,
            key: text("EpayKey")?,
            methods: magic_store::split_list(options.text("EpayMethods")),
            unit,
        })
    }

    /// The MD5 of the parameters that are not empty, sorted by name, with the key behind them.
    fn sign(&self, parameters: &Parameters) -> String {
        let said = parameters
            .iter()
            .filter(|(name, value)| !matches!(name.as_str(), "sign" | "sign_type") && !value.is_empty());
        let text: Vec<String> = said.map(|(name, value)| format!("{name}={value}")).collect();
        let digest = Md5::digest(format!("{}{}", text.join("&"), self.key).as_bytes());
        hex(&digest)
    }

    /// Where the browser has to go.
    pub fn link(&self, options: &Options, order: &Order, method: &str) -> String {
        let site = site(options);
        let mut parameters: Parameters = [
            ("pid", self.id.clone()),
            ("type", method.to_owned()),
            ("out_trade_no", order.number.clone()),
            ("notify_url", format!("{site}/api/pay/epay")),
            ("return_url", format!("{site}/topup?order={}", order.number)),
            ("name", format!("{} ${}", options.text("SystemName"), order.amount.usd())),
            ("money", shown(order.price, CURRENCY)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        parameters.insert("sign".into(), self.sign(&parameters));
        parameters.insert("sign_type".into(), "MD5".into());
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&parameters).finish();
        format!("{}/submit.php?{query}", self.address)
    }

    /// Reads a notification. `Ok(None)`: a true one that tells of no payment.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn notified(&self, parameters: &Parameters) -> std::result::Result<Option<Payment>, &'static str> {
        let value = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
        let right = self.sign(parameters);
        if self.key.is_empty() || !is_signature(value("sign"), &right) {
            return Err("the signature is wrong");
        }
        if value("pid") != self.id {
            return Err("the notification is for another shop");
        }
        if value("trade_status") != "TRADE_SUCCESS" {
            return Ok(None);
        }
        payment(value("out_trade_no"), value("money"), value("trade_no"))
            .map(Some)
            .ok_or("the amount is none")
    }

    /// Whether an order has been paid, by Epay's own word.
    pub async fn ask(&self, live: &dyn Live, order: &Order) -> Result<Option<Payment>> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("act", "order")
            .append_pair("pid", &self.id)
            .append_pair("key", &self.key)
            .append_pair("out_trade_no", &order.number)
            .finish();
        let url = format!("{}/api.php?{query}", self.address);
        let call = Outward { method: "GET", url, headers: vec![], body: vec![] };
        let answer = live.outward(call).await.map_err(|error| provider_fails(format!("Epay: {error}")))?;
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        // Numbers come as numbers or as text, as the maker of the shop liked it.
        let text = |name: &str| match &told[name] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        if answer.status != 200
            || text("code") != "1"
            || text("status") != "1"
            || text("out_trade_no") != order.number
        {
            return Ok(None);
        }
        Ok(payment(&order.number, &text("money"), &text("trade_no")))
    }
}

fn payment(number: &str, money: &str, trade: &str) -> Option<Payment> {
    let trade: String = trade.chars().take(180).collect();
    Some(Payment {
        provider: NAME,
        number: number.to_owned(),
        currency: CURRENCY.into(),
        price: cents(money)?,
        event_id: format!("epay-{}", if trade.is_empty() { number } else { &trade }),
        reference: String::new(),
    })
}

/// `"12.3"` is 1230; more than two decimals, or anything but digits, is nothing.
fn cents(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // A shop may write more decimals, as long as they are noughts.
    let (kept, rest) = part.split_at_checked(2).unwrap_or((part, ""));
    if whole.is_empty()
        || whole.len() > 12
        || !digits(whole)
        || !digits(kept)
        || rest.bytes().any(|byte| byte != b'0')
    {
        return None;
    }
    format!("{whole}{kept:0<2}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            address: "https://pay.example".into(),
            id: "1001".into(),
            key: "k".into(),
            methods: vec![],
            unit: 7.0,
        }
    }

    fn told(change: &[(&str, &str)]) -> Parameters {
        let mut all: Parameters = [
            ("pid", "1001"),
            ("trade_no", "20260001"),
            ("out_trade_no", "m1"),
            ("type", "alipay"),
            ("name", "x"),
            ("money", "7.00"),
            ("trade_status", "TRADE_SUCCESS"),
            ("sign_type", "MD5"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        all.extend(change.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        all
    }

    #[test]
    fn the_signature_is_the_one_of_the_protocol() {
        // md5("a=1&b=2" + "key"), computed apart.
        let config = Config { key: "key".into(), ..config() };
        let parameters: Parameters =
            [("b", "2"), ("a", "1"), ("empty", ""), ("sign", "x"), ("sign_type", "MD5")]
                .map(|(a, b)| (a.into(), b.into()))
                .into();
        assert_eq!(config.sign(&parameters), "1c123a5dc12e90deeaa1cd94681f0d88");
    }

    #[test]
    fn only_what_the_key_signed_is_believed() {
        let config = config();
        let sign = |mut parameters: Parameters| {
            let sign = config.sign(&parameters);
            parameters.insert("sign".into(), sign);
            parameters
        };
        let paid = config.notified(&sign(told(&[]))).unwrap().unwrap();
        assert_eq!((paid.price, paid.number.as_str(), paid.event_id.as_str()), (700, "m1", "epay-20260001"));
        assert_eq!(config.notified(&sign(told(&[("trade_status", "WAIT")]))).unwrap().map(|p| p.price), None);
        assert!(config.notified(&sign(told(&[("pid", "1002")]))).is_err());
        assert!(config.notified(&sign(told(&[("money", "7.001")]))).is_err());
        let mut forged = sign(told(&[]));
        forged.insert("money".into(), "0.01".into());
        assert!(config.notified(&forged).is_err());
        assert!(config.notified(&told(&[])).is_err());
        assert!(config.notified(&told(&[("sign", "")])).is_err());
    }

    #[test]
    fn money_is_read_exactly() {
        for (text, wanted) in
            [("1", Some(100)), ("1.5", Some(150)), ("0.07", Some(7)), ("12.3400", Some(1234))]
        {
            assert_eq!(cents(text), wanted, "{text}");
        }
        for text in ["", ".5", "1.005", "-1", "1e3", "1,0", " 1", "9999999999999", "1.é"] {
            assert_eq!(cents(text), None, "{text}");
        }
    }
}
