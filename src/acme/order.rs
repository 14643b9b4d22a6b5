//! One order at an authority, from the account to the certificate (RFC 8555, 7).

use super::{issued, load};
use crate::live::LiveGateway;
use crate::settings::{Acme, Challenge};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use instant_acme::{
    Account, AccountBuilder, AuthorizationStatus, ChallengeType, ExternalAccountKey, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use magic_domain::secret::Secret;
use magic_store::certificates::{Issued, Proof};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a proof is shown.
const SHOWN: i64 = 900;
/// Every node of a fleet has heard of a proof by then.
const HEARD: Duration = Duration::from_secs(3);
/// How long an authority may take to check, and to issue.
const PATIENCE: Duration = Duration::from_secs(120);

/// An error with what is behind it.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Orders a certificate.
///
/// # Errors
/// In words, what the authority says.
pub async fn order(live: &LiveGateway, acme: &Acme, host: &str) -> Result<Issued, String> {
    let said = |error: instant_acme::Error| words(&error);
    let account = account(live, acme).await?;
    let names = [Identifier::Dns(host.to_owned())];
    let mut order = account.new_order(&NewOrder::new(&names)).await.map_err(said)?;
    prove(live, acme, host, &mut order).await?;
    let retries = RetryPolicy::new().timeout(PATIENCE);
    match order.poll_ready(&retries).await.map_err(said)? {
        OrderStatus::Ready | OrderStatus::Valid => {}
        _ => return Err(why_not(&mut order).await),
    }
    let key = order.finalize().await.map_err(said)?;
    let chain = order.poll_certificate(&retries).await.map_err(said)?;
    issued(host, chain, key)
}

fn builder(acme: &Acme) -> Result<AccountBuilder, String> {
    let built = match &acme.ca {
        Some(ca) => Account::builder_with_root(ca),
        None => Account::builder(),
    };
    built.map_err(|error| format!("the authority can't be asked: {error}"))
}

/// The account that all nodes share; made where there is none.
async fn account(live: &LiveGateway, acme: &Acme) -> Result<Account, String> {
    let said = |error: instant_acme::Error| format!("the account at the authority: {}", words(&error));
    let store = live.store();
    if let Some(kept) = store.acme_account(&acme.directory).await.map_err(|error| error.to_string())?
        && let Ok(credentials) = serde_json::from_str(kept.expose())
    {
        return builder(acme)?.from_credentials(credentials).await.map_err(said);
    }
    let contact = acme.email.as_ref().map(|email| format!("mailto:{email}"));
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let external = match &acme.external_account {
        Some((id, key)) => {
            let key = URL_SAFE_NO_PAD.decode(key.expose().trim_end_matches('='));
            let key = key.map_err(|_| "eab_hmac_key is not in base64url".to_owned())?;
            Some(ExternalAccountKey::new(id.clone(), &key))
        }
        None => None,
    };
    let created = builder(acme)?.create(&new, acme.directory.clone(), external.as_ref()).await;
    let (account, credentials) = created.map_err(said)?;
    let credentials = serde_json::to_string(&credentials).map_err(|error| error.to_string())?;
    let kept = store.keep_acme_account(&acme.directory, Secret::new(credentials)).await;
    kept.map_err(|error| error.to_string())?;
    Ok(account)
}

/// Shows the proofs, and asks the authority to look.
async fn prove(live: &LiveGateway, acme: &Acme, host: &str, order: &mut Order) -> Result<(), String> {
    let (kind, name) = match acme.challenge {
        Challenge::Http01 => (ChallengeType::Http01, "http-01"),
        Challenge::TlsAlpn01 => (ChallengeType::TlsAlpn01, "tls-alpn-01"),
    };
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(|error| words(&error))?;
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            other => return Err(format!("the authority has the proof down as {other:?}")),
        }
        let challenge = authorization.challenge(kind.clone());
        let mut challenge = challenge.ok_or_else(|| format!("the authority does not offer {name}"))?;
        let proof = challenge.key_authorization();
        let (token, proof) = (challenge.token.clone(), proof.as_str().to_owned());
        let shown = Proof { host: host.to_owned(), token, proof };
        live.store().keep_proof(shown, SHOWN).await.map_err(|error| error.to_string())?;
        load(live).await.map_err(|error| error.to_string())?;
        if !live.gateway().alone.load(Ordering::Acquire) {
            tokio::time::sleep(HEARD).await;
        }
        challenge.set_ready().await.map_err(|error| words(&error))?;
    }
    Ok(())
}

/// What the authority says of the proofs.
async fn why_not(order: &mut Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        for challenge in &state.challenges {
            if let Some(problem) = &challenge.error {
                return format!("the authority could not prove it: {problem}");
            }
        }
    }
    "the authority refuses without a word".into()
}
