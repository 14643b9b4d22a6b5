//! Certificates from authorities (ACME), shared by all nodes: accounts, certificates, and the proofs that an authority
//! asks for. One node orders a host's certificate at a time.

use crate::db::args;
use crate::digest;
use crate::error::Result;
use crate::nodes::clock;
use crate::run::{Store, bump, transaction};
use magic_domain::secret::Secret;

/// A certificate as it is kept.
#[derive(Debug, Clone)]
pub struct Issued {
    pub host: String,
    /// Empty: there is none yet.
    pub chain_pem: String,
    pub key_pem: Secret,
    /// When it ends, in Unix seconds.
    pub until: i64,
    /// What the authority said when it last refused; empty: it did not.
    pub failure: String,
}

/// What an authority may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub host: String,
    pub token: String,
    /// The key authorization (RFC 8555, 8.1).
    pub proof: String,
}

/// A number for a name: rows are found by it, and walked when they are sealed anew.
fn id(name: &str) -> i64 {
    let hex = digest(name);
    i64::from_str_radix(hex.get(..15).unwrap_or_default(), 16).unwrap_or_default()
}

pub(crate) fn account_place(directory: &str) -> String {
    format!("magic_acme_accounts/{directory}")
}

pub(crate) fn key_place(host: &str) -> String {
    format!("magic_certificates/{host}")
}

impl Store {
    /// What an account at an authority is proven with; `None`: there is none.
    pub async fn acme_account(&self, directory: &str) -> Result<Option<Secret>> {
        let directory = directory.to_owned();
        self.run(move |inner| async move {
            let sql = "SELECT credentials_sealed FROM magic_acme_accounts WHERE id = ?";
            let rows = inner.db.fetch(sql, args![id(&directory)]).await?;
            rows.first().map(|row| inner.vault.open(&row.text(0)?, &account_place(&directory))).transpose()
        })
        .await
    }

    /// Keeps an account at an authority.
    pub async fn keep_acme_account(&self, directory: &str, credentials: Secret) -> Result<()> {
        let directory = directory.to_owned();
        self.run(move |inner| async move {
            let sealed = inner.vault.seal(&credentials, &account_place(&directory))?;
            let columns = ["directory", "credentials_sealed"];
            let sql = inner.db.engine().upsert("magic_acme_accounts", &["id"], &columns);
            inner.db.exec(&sql, args![id(&directory), directory, sealed]).await.map(|_| ())
        })
        .await
    }

    /// The certificates, by host.
    pub async fn issued_certificates(&self) -> Result<Vec<Issued>> {
        self.run(|inner| async move {
            let sql =
                "SELECT host, chain_pem, key_sealed, until_at, failure FROM magic_certificates ORDER BY host";
            let rows = inner.db.fetch(sql, vec![]).await?;
            rows.iter()
                .map(|row| {
                    let (host, sealed) = (row.text(0)?, row.text(2)?);
                    let key_pem = match sealed.is_empty() {
                        true => Secret::default(),
                        false => inner.vault.open(&sealed, &key_place(&host))?,
                    };
                    let (chain_pem, until, failure) = (row.text(1)?, row.int(3)?, row.text(4)?);
                    Ok(Issued { host, chain_pem, key_pem, until, failure })
                })
                .collect()
        })
        .await
    }

    /// Hosts whose last order failed: why, and when the certificate they have ends (Unix seconds; 0: they have none).
    pub async fn failed_orders(&self) -> Result<Vec<(String, String, i64)>> {
        self.run(|inner| async move {
            let sql =
                "SELECT host, failure, until_at FROM magic_certificates WHERE failure <> '' ORDER BY host";
            let rows = inner.db.fetch(sql, vec![]).await?;
            rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?, row.int(2)?))).collect()
        })
        .await
    }

    /// Whether this node may order a host's certificate now: nobody else does, and no failure is too fresh. It has
    /// `seconds` for it.
    pub async fn begin_order(&self, host: &str, seconds: i64) -> Result<bool> {
        let host = host.to_owned();
        self.run(move |inner| async move {
            let now = clock(inner.db.engine());
            let take = format!(
                "UPDATE magic_certificates SET busy_until = {now} + ? WHERE id = ? AND busy_until <= {now}"
            );
            transaction!(inner.db, |tx| {
                if tx.one("SELECT 1 FROM magic_certificates WHERE id = ?", args![id(&host)]).await?.is_none()
                {
                    let sql = "INSERT INTO magic_certificates \
                         (id, host, chain_pem, key_sealed, until_at, busy_until, failures, failure) \
                         VALUES (?, ?, '', '', 0, 0, 0, '')";
                    tx.exec(sql, args![id(&host), &host]).await?;
                }
                tx.exec(&take, args![seconds, id(&host)]).await? == 1
            })
        })
        .await
    }

    /// Keeps a certificate; the order is over.
    pub async fn keep_certificate(&self, issued: Issued) -> Result<()> {
        self.run(move |inner| async move {
            let sealed = inner.vault.seal(&issued.key_pem, &key_place(&issued.host))?;
            let sql = "UPDATE magic_certificates SET chain_pem = ?, key_sealed = ?, until_at = ?, busy_until = 0, \
                 failures = 0, failure = '' WHERE id = ?";
            transaction!(inner.db, |tx| {
                let Issued { host, chain_pem, until, .. } = &issued;
                tx.exec(sql, args![chain_pem, &sealed, *until, id(host)]).await?;
                tx.exec("DELETE FROM magic_acme_proofs WHERE host = ?", args![host]).await?;
                bump(tx).await?;
            })
        })
        .await
    }

    /// An order has failed: the next one waits, twice as long after each failure, from `pause` seconds to a day.
    pub async fn order_failed(&self, host: &str, failure: &str, pause: i64) -> Result<()> {
        let (host, failure) = (host.to_owned(), failure.to_owned());
        self.run(move |inner| async move {
            let now = clock(inner.db.engine());
            let sql = format!(
                "UPDATE magic_certificates SET failures = failures + 1, failure = ?, busy_until = {now} + ? WHERE id = ?"
            );
            transaction!(inner.db, |tx| {
                let row = tx.one("SELECT failures FROM magic_certificates WHERE id = ?", args![id(&host)]).await?;
                let failures = row.map_or(Ok(0), |row| row.int(0))?.clamp(0, 20);
                let wait = pause.saturating_mul(1 << failures).min(86_400);
                tx.exec(&sql, args![&failure, wait, id(&host)]).await?;
                tx.exec("DELETE FROM magic_acme_proofs WHERE host = ?", args![&host]).await?;
                bump(tx).await?;
            })
        })
        .await
    }

    /// Shows a proof to every node, for `seconds`.
    pub async fn keep_proof(&self, proof: Proof, seconds: i64) -> Result<()> {
        self.run(move |inner| async move {
            let now = clock(inner.db.engine());
            let forget = format!("DELETE FROM magic_acme_proofs WHERE until_at < {now} OR id = ?");
            let keep = format!(
                "INSERT INTO magic_acme_proofs (id, host, token, proof, until_at) VALUES (?, ?, ?, ?, {now} + ?)"
            );
            transaction!(inner.db, |tx| {
                let Proof { host, token, proof } = &proof;
                tx.exec(&forget, args![id(token)]).await?;
                tx.exec(&keep, args![id(token), host, token, proof, seconds]).await?;
                bump(tx).await?;
            })
        })
        .await
    }

    /// What authorities may ask for now.
    pub async fn proofs(&self) -> Result<Vec<Proof>> {
        self.run(|inner| async move {
            let now = clock(inner.db.engine());
            let sql = format!("SELECT host, token, proof FROM magic_acme_proofs WHERE until_at >= {now}");
            let rows = inner.db.fetch(&sql, vec![]).await?;
            rows.iter()
                .map(|row| Ok(Proof { host: row.text(0)?, token: row.text(1)?, proof: row.text(2)? }))
                .collect()
        })
        .await
    }
}
