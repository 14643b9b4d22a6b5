//! What WebAuthn asks of authenticators and what it believes of their answers. The site is the host of the option
//! `ServerAddress`: passkeys belong to a name, not to an address, and browsers make them over TLS alone (or on the
//! machine itself).

use crate::error::{ApiError, Result, bad_request, conflict, invalid};
use crate::guard;
use actix_web::HttpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use magic_domain::ids::UserId;
use magic_domain::options::Options;
use magic_store::passkeys::{LIFETIME, Passkey};
use magic_store::users::UserRow;
use openidconnect::url::{Host, Url};
use passki::{
    AuthenticationCredential, AuthenticationOptions, ClientData, Passki, PasskiError, RegistrationCredential,
    RegistrationOptions, ResidentKeyRequirement, StoredPasskey, UserVerificationRequirement,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The longest answer of an authenticator that is looked at, in bytes of JSON; usual ones have two thousand.
const ANSWER_MAX: usize = 32 << 10;
/// The longest id of a credential (WebAuthn, §7.1) and the longest key, in bytes.
const ID_MAX: usize = 1023;
const KEY_MAX: usize = 2048;

/// The site that passkeys are made for.
pub struct Site {
    party: Passki,
}

/// The host and the origin of an address that passkeys can belong to, wherever it is asked from.
fn public(address: &str) -> Option<(String, String)> {
    let url = Url::parse(address).ok()?;
    match url.host() {
        Some(Host::Domain(host)) if url.scheme() == "https" && host != LOCAL => {
            Some((host.to_owned(), url.origin().ascii_serialization()))
        }
        _ => None,
    }
}

const LOCAL: &str = "localhost";

/// The same of a request to the machine itself.
fn local(request: &HttpRequest) -> Option<(String, String)> {
    let host = request.headers().get("host")?.to_str().ok()?;
    let scheme = if guard::over_tls(request) { "https" } else { "http" };
    let url = Url::parse(&format!("{scheme}://{host}")).ok()?;
    (url.host_str() == Some(LOCAL)).then(|| (LOCAL.to_owned(), url.origin().ascii_serialization()))
}

impl Site {
    /// The site of a request.
    ///
    /// # Errors
    /// 409: the operator has not said where the installation is.
    pub fn of(options: &Options, request: &HttpRequest) -> Result<Site> {
        let found = public(options.text("ServerAddress")).or_else(|| local(request));
        let (host, origin) = found.ok_or_else(|| {
            let why = "passkeys need the option ServerAddress: https and a host's name, not its number";
            ApiError { code: "server_address_needed", ..conflict(why) }
        })?;
        let name = Some(options.text("SystemName")).filter(|name| !name.is_empty()).unwrap_or(&host);
        Ok(Site { party: Passki::new(&host, &[origin], name) })
    }

    /// What the browser makes a passkey with.
    pub fn creation(&self, user: &UserRow, handle: &str, challenge: &str, have: &[Passkey]) -> Result<Value> {
        let have = have.iter().map(stored).collect::<Result<Vec<_>>>()?;
        let mut options = creating();
        options.exclude_credentials = Some(&have);
        let name = Some(&user.display_name).filter(|name| !name.is_empty()).unwrap_or(&user.username);
        let begun = self.party.start_passkey_registration(handle.as_bytes(), &user.username, name, options);
        let (mut asked, _) = begun.map_err(broken)?;
        asked.challenge = Passki::base64_encode(challenge.as_bytes());
        serde_json::to_value(asked).map_err(|error| bad_request(error.to_string()))
    }

    /// What the browser signs in with, by one of these passkeys; none: by any.
    pub fn request(&self, challenge: &str, offered: &[Passkey]) -> Result<Value> {
        let offered = offered.iter().map(stored).collect::<Result<Vec<_>>>()?;
        let begun = self.party.start_passkey_authentication(&offered, signing(!offered.is_empty()));
        let (mut asked, _) = begun.map_err(broken)?;
        asked.challenge = Passki::base64_encode(challenge.as_bytes());
        serde_json::to_value(asked).map_err(|error| bad_request(error.to_string()))
    }

    /// Judges a new passkey: what is to be kept of it.
    pub fn made(&self, answer: &Registration, user: UserId, handle: &str, name: &str) -> Result<Passkey> {
        let refused = |error: PasskiError| invalid(format!("the passkey was not accepted: {error}"));
        let begun = self.party.start_passkey_registration(handle.as_bytes(), "", "", creating());
        let (_, mut state) = begun.map_err(broken)?;
        state.challenge = answer.challenge.clone().into_bytes();
        let made = self.party.finish_passkey_registration(&answer.credential, &state).map_err(refused)?;
        if made.credential_id.is_empty()
            || made.credential_id.len() > ID_MAX
            || made.public_key.len() > KEY_MAX
        {
            return Err(invalid("the passkey was not accepted: it is too long"));
        }
        if !ALGORITHMS.contains(&made.algorithm) {
            return Err(refused(PasskiError::UnsupportedAlgorithm(made.algorithm)));
        }
        Ok(Passkey {
            id: 0,
            user,
            credential_id: Passki::base64_encode(&made.credential_id),
            public_key: Passki::base64_encode(&made.public_key),
            algorithm: i64::from(made.algorithm),
            counter: i64::from(made.counter),
            handle: handle.to_owned(),
            rp_id: self.party.rp_id.clone(),
            name: name.to_owned(),
            transports: serde_json::to_string(&made.transports).unwrap_or_else(|_| "[]".into()),
            synced: made.be,
            created_time: 0,
            used_time: 0,
        })
    }

    /// Judges a signature but for its counter, which it returns. `second`: it comes after a password; alone it has
    /// to tell whose it is, and that the authenticator has made sure of its owner. `None`: not believed.
    pub fn signed(&self, answer: &Assertion, passkey: &Passkey, second: bool) -> Result<Option<i64>> {
        let begun = self.party.start_passkey_authentication(&[], signing(second));
        let (_, mut state) = begun.map_err(broken)?;
        state.challenge = answer.challenge.clone().into_bytes();
        // The counter is judged where it is kept, and only once the signature has proved to be right.
        let mut known = stored(passkey)?;
        known.counter = 0;
        let Ok(right) = self.party.finish_passkey_authentication(&answer.credential, &state, &known) else {
            return Ok(None);
        };
        let theirs = match right.user_handle {
            Some(handle) => handle == passkey.handle.as_bytes(),
            None => second,
        };
        Ok(theirs.then_some(i64::from(right.counter)))
    }
}

/// EdDSA, ES256, ES384, RS256, RS384: what we ask for.
const ALGORITHMS: &[i32] = &[-8, -7, -35, -257, -258];

fn creating<'a>() -> RegistrationOptions<'a> {
    let mut options = RegistrationOptions::default();
    options.timeout = u64::try_from(LIFETIME).unwrap_or_default() * 1000;
    options.resident_key = ResidentKeyRequirement::Required;
    options.user_verification = UserVerificationRequirement::Required;
    options
}

fn signing(second: bool) -> AuthenticationOptions {
    let mut options = AuthenticationOptions::default();
    options.timeout = u64::try_from(LIFETIME).unwrap_or_default() * 1000;
    options.user_verification = match second {
        true => UserVerificationRequirement::Preferred,
        false => UserVerificationRequirement::Required,
    };
    options
}

fn broken(error: PasskiError) -> ApiError {
    magic_store::StoreError::Internal(format!("a passkey can't be used: {error}")).into()
}

fn stored(passkey: &Passkey) -> Result<StoredPasskey> {
    let mut known = StoredPasskey::default();
    known.credential_id = Passki::base64_decode(&passkey.credential_id).map_err(broken)?;
    known.public_key = Passki::base64_decode(&passkey.public_key).map_err(broken)?;
    known.algorithm = i32::try_from(passkey.algorithm).unwrap_or_default();
    known.counter = u32::try_from(passkey.counter).unwrap_or_default();
    known.transports = serde_json::from_str(&passkey.transports).unwrap_or_default();
    Ok(known)
}

/// A browser's answer, and the challenge that it says it answers.
pub struct Answered<T> {
    pub credential: T,
    pub challenge: String,
}

impl Assertion {
    /// The credential's id as it is kept.
    pub fn id(&self) -> Result<String> {
        let id = Passki::base64_decode(&self.credential.raw_id).map_err(|_| unfit())?;
        Ok(Passki::base64_encode(&id))
    }
}

fn unfit() -> ApiError {
    bad_request("passkey: what navigator.credentials gave, as its toJSON() says it")
}

pub type Registration = Answered<RegistrationCredential>;
pub type Assertion = Answered<AuthenticationCredential>;

fn read<T: DeserializeOwned>(value: Value, client_data: impl Fn(&T) -> &str) -> Result<Answered<T>> {
    if value.to_string().len() > ANSWER_MAX {
        return Err(unfit());
    }
    let credential: T = serde_json::from_value(value).map_err(|_| unfit())?;
    let told = ClientData::from_base64(client_data(&credential)).map_err(|_| unfit())?;
    let challenge = URL_SAFE_NO_PAD.decode(&told.challenge).map_err(|_| unfit())?;
    let challenge = String::from_utf8(challenge).map_err(|_| unfit())?;
    Ok(Answered { credential, challenge })
}

/// Reads what `navigator.credentials.create()` gave.
pub fn registration(value: Value) -> Result<Registration> {
    read(value, |credential: &RegistrationCredential| &credential.response.client_data_json)
}

/// Reads what `navigator.credentials.get()` gave.
pub fn assertion(value: Value) -> Result<Assertion> {
    read(value, |credential: &AuthenticationCredential| &credential.response.client_data_json)
}
