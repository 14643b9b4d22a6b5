//! Secrets at rest: channel keys and the like, sealed with XChaCha20-Poly1305 under a master key. A sealed
//! text is bound to its row and to the host it may be sent to: moved elsewhere, it does not open (SR-21).

use crate::error::{Result, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use magic_domain::secret::Secret;
use sha2::Sha256;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where a master key may come from, in order of preference.
#[derive(Debug, Clone, Default)]
pub struct KeySources {
    /// `MAGIC_MASTER_KEY`: the key itself (any text of 16 characters or more), or the file that holds it.
    pub master_key: Option<Secret>,
    /// `MAGIC_MASTER_KEY_NEXT`, in the same forms: the key to come. It opens, and seals once
    /// [`crate::Store::rotate_master_key`] has made it the key.
    pub next_key: Option<Secret>,
    pub session_secret: Option<Secret>,
    /// `master.key` in the data directory: made when nothing else is there.
    pub file: Option<std::path::PathBuf>,
}

/// Seals with one key, and opens with all that are at hand. Clones seal with the same.
#[derive(Clone)]
pub struct Vault {
    keys: Arc<[XChaCha20Poly1305]>,
    /// Where each comes from.
    places: Arc<[String]>,
    /// Which of them seals.
    sealing: Arc<AtomicUsize>,
    /// Which of them is the one to come.
    next: Option<usize>,
}

const CHECK: &[u8] = b"magic vault check value";

impl Vault {
    fn of(keys: Vec<(XChaCha20Poly1305, String)>, sealing: usize, next: Option<usize>) -> Vault {
        let (keys, places): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
        let sealing = Arc::new(AtomicUsize::new(sealing));
        Vault { keys: keys.into(), places: places.into(), sealing, next }
    }

    /// Where the key that seals comes from: a variable's name, or a file's.
    pub(crate) fn place(&self) -> String {
        self.places.get(self.sealing.load(Ordering::Acquire)).cloned().unwrap_or_default()
    }

    #[cfg(test)]
    fn derive(secret: &[u8]) -> Result<Vault> {
        Ok(Vault::of(vec![(derive(secret)?, String::new())], 0, None))
    }

    fn key(&self) -> Result<&XChaCha20Poly1305> {
        self.keys.get(self.sealing.load(Ordering::Acquire)).ok_or_else(closed)
    }

    /// A vault that seals with the key to come; `None`: there is none, or it seals already.
    pub(crate) fn with_next(&self) -> Option<Vault> {
        let next = self.next.filter(|next| *next != self.sealing.load(Ordering::Acquire))?;
        Some(Vault { sealing: Arc::new(AtomicUsize::new(next)), ..self.clone() })
    }

    pub(crate) fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// Another node may have made another key the one that seals: it is the one that fits the check value.
    pub(crate) fn follow(&self, check: &str) {
        if let Some(fitting) = self.keys.iter().position(|key| fits(key, check)) {
            self.sealing.store(fitting, Ordering::Release);
        }
    }

    /// A text sealed with another key than the one that seals now, sealed with that. `None`: there is nothing to
    /// do, or nobody here can open it.
    pub(crate) fn resealed(&self, sealed: &str, place: &str) -> Result<Option<String>> {
        if sealed.is_empty() || open_bytes(self.key()?, sealed, place).is_ok() {
            return Ok(None);
        }
        match self.open_bytes(sealed, place) {
            Ok(bytes) => self.seal_bytes(&bytes, place).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Seals a text for one place. Empty stays empty.
    pub fn seal(&self, text: &Secret, place: &str) -> Result<String> {
        if text.is_empty() {
            return Ok(String::new());
        }
        self.seal_bytes(text.expose().as_bytes(), place)
    }

    fn seal_bytes(&self, bytes: &[u8], place: &str) -> Result<String> {
        let mut nonce = [0u8; 24];
        getrandom::fill(&mut nonce).map_err(|_| StoreError::Internal("no randomness".into()))?;
        let sealed = self
            .key()?
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: bytes, aad: place.as_bytes() })
            .map_err(|_| StoreError::Internal("a secret can't be sealed".into()))?;
        Ok(format!("v1:{}{}", STANDARD.encode(nonce), STANDARD.encode(sealed)))
    }

    /// Opens a text sealed for the same place.
    pub fn open(&self, sealed: &str, place: &str) -> Result<Secret> {
        if sealed.is_empty() {
            return Ok(Secret::default());
        }
        let bytes = self.open_bytes(sealed, place)?;
        String::from_utf8(bytes).map(Secret::new).map_err(|_| closed())
    }

    fn open_bytes(&self, sealed: &str, place: &str) -> Result<Vec<u8>> {
        let first = open_bytes(self.key()?, sealed, place);
        // The others are tried only where there are any: while a key is being replaced.
        first.or_else(|error| {
            self.keys.iter().find_map(|key| open_bytes(key, sealed, place).ok()).ok_or(error)
        })
    }

    /// The value that proves later that the right key is in use.
    pub(crate) fn check_value(&self) -> Result<String> {
        self.seal_bytes(CHECK, "check")
    }
}

fn derive(secret: &[u8]) -> Result<XChaCha20Poly1305> {
    let mut key = [0u8; 32];
    Hkdf::<Sha256>::new(Some(b"magic-vault-v1"), secret)
        .expand(b"master", &mut key)
        .map_err(|_| StoreError::Internal("the master key can't be derived".into()))?;
    Ok(XChaCha20Poly1305::new(&key.into()))
}

fn open_bytes(key: &XChaCha20Poly1305, sealed: &str, place: &str) -> Result<Vec<u8>> {
    let (nonce, body) =
        sealed.strip_prefix("v1:").and_then(|rest| rest.split_at_checked(32)).ok_or_else(closed)?;
    let nonce = STANDARD.decode(nonce).map_err(|_| closed())?;
    let body = STANDARD.decode(body).map_err(|_| closed())?;
    if nonce.len() != 24 {
        return Err(closed());
    }
    key.decrypt(XNonce::from_slice(&nonce), Payload { msg: &body, aad: place.as_bytes() })
        .map_err(|_| closed())
}

fn fits(key: &XChaCha20Poly1305, check: &str) -> bool {
    open_bytes(key, check, "check").is_ok_and(|bytes| bytes == CHECK)
}

/// The key that a variable of the environment gives (itself, or in a file), and where it is.
fn given(key: &Secret, variable: &str) -> Result<(XChaCha20Poly1305, String)> {
    let path = Path::new(key.expose());
    let text = match path.is_absolute().then(|| fs::read_to_string(path)) {
        Some(Ok(text)) => Secret::new(text.trim()),
        Some(Err(error)) => {
            return Err(StoreError::Invalid(format!(
                "the file that {variable} names can't be read: {error}"
            )));
        }
        None => key.clone(),
    };
    if text.expose().len() < 16 {
        return Err(StoreError::Invalid(format!("{variable} must have 16 characters or more")));
    }
    let place = match path.is_absolute() {
        true => format!("{variable}={}", path.display()),
        false => variable.to_owned(),
    };
    Ok((derive(text.expose().as_bytes())?, place))
}

fn closed() -> StoreError {
    StoreError::Internal(
        "a stored secret does not open: it was sealed under another key or for another place".into(),
    )
}

/// Finds the vault's key. With a check value in the database, every source is tried against it; without one,
/// the first source is taken, and a key file is made if there is none at all.
pub(crate) fn unlock(sources: &KeySources, check: Option<&str>) -> Result<Vault> {
    let mut candidates = Vec::new();
    if let Some(given) = sources.master_key.as_ref().filter(|key| !key.is_empty()) {
        candidates.push(self::given(given, "MAGIC_MASTER_KEY")?);
    }
    if let Some(secret) = sources.session_secret.as_ref().filter(|secret| !secret.is_empty()) {
        candidates.push((derive(secret.expose().as_bytes())?, "SESSION_SECRET".to_owned()));
    }
    if let Some(file) = &sources.file {
        let place = std::path::absolute(file).unwrap_or_else(|_| file.clone()).display().to_string();
        if let Ok(text) = fs::read_to_string(file) {
            candidates.push((derive(text.trim().as_bytes())?, place));
        } else if candidates.is_empty() && check.is_none() {
            candidates.push((derive(make_key_file(file)?.expose().as_bytes())?, place));
        }
    }
    if candidates.is_empty() && check.is_none() {
        return Err(StoreError::Invalid("there is no master key for stored secrets".into()));
    }
    let next = sources.next_key.as_ref().filter(|key| !key.is_empty());
    let next = next.map(|key| given(key, "MAGIC_MASTER_KEY_NEXT")).transpose()?.map(|key| {
        candidates.push(key);
        candidates.len() - 1
    });
    let fitting = match check {
        Some(check) => candidates.iter().position(|(key, _)| fits(key, check)),
        None => Some(0),
    };
    match fitting {
        Some(fitting) => Ok(Vault::of(candidates, fitting, next)),
        None => Err(StoreError::Invalid(
                "none of the master keys at hand (MAGIC_MASTER_KEY, SESSION_SECRET, master.key) fits this database: \
                 start with the one that its secrets were stored under"
                .into(),
        )),
    }
}

fn make_key_file(path: &Path) -> Result<Secret> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::Internal("no randomness".into()))?;
    let text = Secret::new(STANDARD.encode(bytes));
    let save = || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(file, "{}", text.expose())?;
        file.sync_all()
    };
    save().map_err(|error| StoreError::Invalid(format!("{} can't be written: {error}", path.display())))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_where_it_belongs() {
        let vault = Vault::derive(b"0123456789abcdef").unwrap();
        let sealed = vault.seal(&Secret::new("sk-secret"), "channels/1/api.openai.com").unwrap();
        assert!(!sealed.contains("secret"));
        assert_eq!(vault.open(&sealed, "channels/1/api.openai.com").unwrap().expose(), "sk-secret");
        assert!(vault.open(&sealed, "channels/2/api.openai.com").is_err());
        assert!(
            Vault::derive(b"another key 1234").unwrap().open(&sealed, "channels/1/api.openai.com").is_err()
        );
        assert_ne!(sealed, vault.seal(&Secret::new("sk-secret"), "channels/1/api.openai.com").unwrap());
    }

    #[test]
    fn every_source_is_tried_against_the_check_value() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("master.key");
        let sources = KeySources { file: Some(file.clone()), ..KeySources::default() };
        let check = unlock(&sources, None).unwrap().check_value().unwrap();
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        // Setting SESSION_SECRET later breaks nothing.
        let later = KeySources { session_secret: Some(Secret::new("a new session secret")), ..sources };
        assert!(unlock(&later, Some(&check)).is_ok());
        let wrong =
            KeySources { session_secret: Some(Secret::new("a new session secret")), ..KeySources::default() };
        let Err(error) = unlock(&wrong, Some(&check)) else { panic!("a wrong key fits") };
        assert!(error.to_string().contains("none of the master keys"));
    }
}
