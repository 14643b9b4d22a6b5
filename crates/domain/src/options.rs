//! Operator-set options: one-api's keys with their defaults (and a few of ours), typed at the point of use.

use crate::limits;
use std::collections::BTreeMap;

/// The form a value must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// True only for the exact text `true`.
    Bool,
    Int,
    /// A whole number between two, both of them included.
    Within(i64, i64),
    Float,
    /// A JSON object of numbers.
    Ratios,
    /// Limits by the name of a group, or of a model: see [`crate::limits`].
    GroupLimits,
    ModelLimits,
}

/// One option. `secret` values are never given back by the management API.
#[derive(Debug, Clone, Copy)]
pub struct Def {
    pub key: &'static str,
    pub default: &'static str,
    pub kind: Kind,
    pub secret: bool,
}

const fn def(key: &'static str, default: &'static str, kind: Kind) -> Def {
    Def { key, default, kind, secret: false }
}
const fn secret(key: &'static str) -> Def {
    Def { key, default: "", kind: Kind::Text, secret: true }
}

use Kind::{Bool, Float, Int, Ratios, Text, Within};

/// Every option there is. An option's effect is written where it is read.
pub const OPTIONS: &[Def] = &[
    def("PasswordLoginEnabled", "true", Bool),
    def("PasswordRegisterEnabled", "true", Bool),
    def("RegisterEnabled", "true", Bool),
    def("EmailVerificationEnabled", "false", Bool),
    def("EmailDomainRestrictionEnabled", "false", Bool),
    def(
        "EmailDomainWhitelist",
        "gmail.com,163.com,126.com,qq.com,outlook.com,hotmail.com,icloud.com,yahoo.com,foxmail.com",
        Text,
    ),
    def("GitHubOAuthEnabled", "false", Bool),
    def("GitHubClientId", "", Text),
    secret("GitHubClientSecret"),
    def("OidcEnabled", "false", Bool),
    def("OidcClientId", "", Text),
    secret("OidcClientSecret"),
    def("OidcWellKnown", "", Text),
    def("OidcAuthorizationEndpoint", "", Text),
    def("OidcTokenEndpoint", "", Text),
    def("OidcUserinfoEndpoint", "", Text),
    def("LarkClientId", "", Text),
    secret("LarkClientSecret"),
    def("WeChatAuthEnabled", "false", Bool),
    def("WeChatServerAddress", "", Text),
    secret("WeChatServerToken"),
    def("WeChatAccountQRCodeImageURL", "", Text),
    def("TurnstileCheckEnabled", "false", Bool),
    def("TurnstileSiteKey", "", Text),
    secret("TurnstileSecretKey"),
    def("SMTPServer", "", Text),
    def("SMTPAccount", "", Text),
    def("SMTPFrom", "", Text),
    secret("SMTPToken"),
    def("SMTPPort", "587", Int),
    def("MessagePusherAddress", "", Text),
    secret("MessagePusherToken"),
    def("Notice", "", Text),
    def("About", "", Text),
    def("HomePageContent", "", Text),
    def("Footer", "", Text),
    // Whether strangers see the models with their prices, and how they fare; users always do.
    def("CatalogueEnabled", "true", Bool),
    def("StatusPageEnabled", "true", Bool),
    def("SystemName", "MAGIC", Text),
    def("Logo", "", Text),
    def("ServerAddress", "http://localhost:3000", Text),
    def("TopUpLink", "", Text),
    def("ChatLink", "", Text),
    def("Theme", "default", Text),
    def("QuotaForNewUser", "0", Int),
    def("QuotaForInviter", "0", Int),
    def("QuotaForInvitee", "0", Int),
    def("QuotaRemindThreshold", "1000", Int),
    def("PreConsumedQuota", "500", Int),
    def("QuotaPerUnit", "500000", Float),
    def("DisplayInCurrencyEnabled", "true", Bool),
    def("DisplayTokenStatEnabled", "true", Bool),
    def("ApproximateTokenEnabled", "false", Bool),
    def("LogConsumeEnabled", "true", Bool),
    def("AutomaticDisableChannelEnabled", "false", Bool),
    def("AutomaticEnableChannelEnabled", "false", Bool),
    def("ChannelDisableThreshold", "5", Float),
    // One-api ships 0; a gateway that knows a second channel and doesn't try it is no help to anybody.
    def("RetryTimes", "2", Int),
    def("ModelRatio", "{}", Ratios),
    def("CompletionRatio", "{}", Ratios),
    def("GroupRatio", r#"{"default":1,"vip":1,"svip":1}"#, Ratios),
    // Ours. `DefaultModelPrice`: USD per 1M tokens (in and out) of a model without a price; empty: refused.
    def("DefaultModelPrice", "", Text),
    // Days that rows of the log are kept; 0: for ever. The ledger keeps every bill whatever this says.
    def("LogRetentionDays", "0", Int),
    // Bodies of calls, where a token's owner wants them kept too: for so many days, so many bytes of each, and so much
    // of all together; the oldest go first. `BodyCaptureRedact`: e-mail addresses and card numbers are left out, as
    // secrets always are.
    def("BodyCaptureEnabled", "false", Bool),
    def("BodyCaptureDays", "7", Within(1, 365)),
    def("BodyCaptureMaxBytes", "262144", Within(1024, 1 << 20)),
    def("BodyCaptureMaxTotalMegabytes", "1024", Within(1, 1 << 20)),
    def("BodyCaptureRedact", "true", Bool),
    // Payments. A provider is offered once all of its options are set: keys, and what a dollar of balance costs in
    // its currency. Without its secret no notification is believed.
    def("PayMinUsd", "1", Int),
    def("PayMaxUsd", "10000", Int),
    secret("StripeSecretKey"),
    secret("StripeWebhookSecret"),
    def("StripeCurrency", "usd", Text),
    def("StripePrice", "1", Float),
    def("EpayAddress", "", Text),
    def("EpayId", "", Text),
    secret("EpayKey"),
    def("EpayMethods", "alipay,wxpay", Text),
    def("EpayPrice", "0", Float),
    // Tokens reserved for the answer of a call that sets no limit, at most (the model's own maximum may be less).
    def("DefaultMaxOutputTokens", "4096", Int),
    // {"vip": {"total": limits, "per_user": limits}} and {"gpt-4o": limits}.
    def("GroupLimits", "{}", Kind::GroupLimits),
    def("ModelLimits", "{}", Kind::ModelLimits),
];

/// The option of that name.
pub fn find(key: &str) -> Option<&'static Def> {
    OPTIONS.iter().find(|def| def.key == key)
}

/// Whether a value may be stored under a key; the error says what is wrong. Unknown keys are refused.
pub fn check(key: &str, value: &str) -> Result<(), String> {
    let def = find(key).ok_or_else(|| format!("there is no option {key:?}"))?;
    let fine = match def.kind {
        Kind::Text => true,
        Kind::Bool => matches!(value, "true" | "false"),
        Kind::Int => value.parse::<i64>().is_ok_and(|number| number >= 0),
        Kind::Within(least, most) => {
            let fine = value.parse::<i64>().is_ok_and(|number| (least..=most).contains(&number));
            let wanted = || format!("{key} must be a whole number from {least} to {most}");
            return fine.then_some(()).ok_or_else(wanted);
        }
        Kind::Float => value.parse::<f64>().is_ok_and(|number| number.is_finite() && number >= 0.0),
        Kind::Ratios => ratios(value).is_some(),
        Kind::GroupLimits => return limits::groups(value).map(drop).map_err(|what| format!("{key}: {what}")),
        Kind::ModelLimits => return limits::models(value).map(drop).map_err(|what| format!("{key}: {what}")),
    };
    let wanted = match def.kind {
        Kind::Text => "text",
        Kind::Bool => "true or false",
        Kind::Int | Kind::Within(..) => "a whole number of at least 0",
        Kind::Float => "a number of at least 0",
        Kind::Ratios => "a JSON object whose values are numbers",
        Kind::GroupLimits | Kind::ModelLimits => "limits by name",
    };
    if fine { Ok(()) } else { Err(format!("{key} must be {wanted}")) }
}

/// Parses a JSON object of numbers.
pub fn ratios(text: &str) -> Option<BTreeMap<String, f64>> {
    serde_json::from_str::<BTreeMap<String, f64>>(text).ok()
}

/// The values in force: those set, over the defaults.
#[derive(Debug, Clone, Default)]
pub struct Options {
    set: BTreeMap<String, String>,
}

impl Options {
    pub fn new(set: BTreeMap<String, String>) -> Self {
        Self { set }
    }

    pub fn text(&self, key: &str) -> &str {
        match self.set.get(key) {
            Some(value) => value,
            None => find(key).map_or("", |def| def.default),
        }
    }

    pub fn bool(&self, key: &str) -> bool {
        self.text(key) == "true"
    }

    /// The value, or the default where a stored one is no number (rows taken over from one-api may be).
    pub fn int(&self, key: &str) -> i64 {
        let default = || find(key).and_then(|def| def.default.parse().ok()).unwrap_or(0);
        let number = self.text(key).parse().unwrap_or_else(|_| default());
        match find(key).map(|def| def.kind) {
            Some(Within(least, most)) => number.clamp(least, most),
            _ => number,
        }
    }

    pub fn float(&self, key: &str) -> f64 {
        let default = || find(key).and_then(|def| def.default.parse().ok()).unwrap_or(0.0);
        self.text(key).parse().unwrap_or_else(|_| default())
    }

    pub fn ratios(&self, key: &str) -> BTreeMap<String, f64> {
        ratios(self.text(key)).unwrap_or_default()
    }

    /// Captured bodies from before are over.
    pub fn capture_since(&self, now: i64) -> i64 {
        now.saturating_sub(self.int("BodyCaptureDays").saturating_mul(86_400))
    }

    pub fn is_set(&self, key: &str) -> bool {
        self.set.contains_key(key)
    }

    /// Every option and its value in force, secrets included: callers filter.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Def, &str)> {
        OPTIONS.iter().map(|def| (def, self.text(def.key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_passes_its_own_check() {
        for def in OPTIONS {
            assert_eq!(check(def.key, def.default), Ok(()), "{}", def.key);
        }
    }

    #[test]
    fn keys_are_unique() {
        let mut keys: Vec<_> = OPTIONS.iter().map(|def| def.key).collect();
        keys.sort_unstable();
        let count = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn bad_values_are_named() {
        assert!(check("RetryTimes", "three").unwrap_err().contains("whole number"));
        assert!(check("RetryTime", "3").unwrap_err().contains("no option"));
        assert!(check("BodyCaptureDays", "0").unwrap_err().contains("from 1 to 365"));
        assert!(check("BodyCaptureDays", "366").is_err() && check("BodyCaptureDays", "365").is_ok());
        assert!(check("ModelRatio", r#"{"a":"b"}"#).is_err());
        assert!(check("RegisterEnabled", "True").is_err());
        assert!(check("GroupLimits", r#"{"vip":{"total":{"rps":1}}}"#).unwrap_err().contains("rps"));
        assert!(check("ModelLimits", r#"{"gpt-4o":{"rpm":1}}"#).is_ok());
    }

    #[test]
    fn an_empty_value_is_a_value() {
        let options = Options::new(BTreeMap::from([("SystemName".into(), String::new())]));
        assert_eq!(options.text("SystemName"), "");
        assert_eq!(options.text("Theme"), "default");
    }
}
