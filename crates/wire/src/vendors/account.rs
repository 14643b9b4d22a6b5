//! What the keys of vendors with more than one secret are made of. One-api joins the parts with `|`; parts it
//! kept in `config` are read there.

use crate::WireError;
use magic_domain::channel::Channel;
use magic_domain::secret::Secret;

/// An account at AWS.
#[derive(Clone, PartialEq, Eq)]
pub struct Aws {
    pub region: String,
    pub proof: Proof,
}

/// How a call proves that it is the account's.
#[derive(Clone, PartialEq, Eq)]
pub enum Proof {
    /// Signed with a pair of keys, and a session's token where there is one.
    Keys { access: String, secret: Secret, session: Option<Secret> },
    /// A Bedrock API key.
    Bearer(Secret),
}

/// A service account or an access token at Google.
#[derive(Clone, PartialEq, Eq)]
pub struct Google {
    pub region: String,
    pub project: String,
    /// The service account's JSON, or a token that is used as it is.
    pub credential: Secret,
}

/// Two secrets, `id|secret` with what stands before them left out.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The first of three parts: Tencent's and iFlytek's application.
    pub app: Option<String>,
    pub id: String,
    pub secret: Secret,
}

fn config<'c>(channel: &'c Channel, name: &str) -> Option<&'c str> {
    channel.config.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

/// Reads `access|secret|region`, `access|secret`, or an API key, with the rest in the channel's settings.
pub fn aws(channel: &Channel) -> Result<Aws, WireError> {
    let key = channel.key.expose().trim();
    let mut parts = key.split('|').map(str::trim);
    let (first, second, third) = (parts.next().unwrap_or(""), parts.next(), parts.next());
    let region = third.filter(|region| !region.is_empty()).or_else(|| config(channel, "region"));
    let region = region.unwrap_or("us-east-1").to_owned();
    let session = parts.next().or_else(|| config(channel, "session_token")).map(Secret::new);
    let access = config(channel, "ak").unwrap_or(first);
    let proof = match second.or_else(|| config(channel, "sk")) {
        Some(secret) if !access.is_empty() && !secret.is_empty() => {
            Proof::Keys { access: access.to_owned(), secret: Secret::new(secret), session }
        }
        _ if !first.is_empty() => Proof::Bearer(Secret::new(first)),
        _ => return Err(WireError::new("the key must be access|secret|region, or an API key")),
    };
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !region.bytes().all(fine) {
        return Err(WireError::new("the region is malformed"));
    }
    Ok(Aws { region, proof })
}

/// Reads a service account's JSON, `region|project|json`, or a token, with the rest in the channel's settings.
pub fn google(channel: &Channel) -> Result<Google, WireError> {
    let key = channel.key.expose().trim();
    let adc = config(channel, "vertex_ai_adc");
    let parts: Vec<&str> = if key.starts_with('{') { vec![key] } else { key.splitn(3, '|').collect() };
    let (region, project, credential) = match parts.as_slice() {
        [region, project, credential] => (Some(*region), Some(*project), *credential),
        [only] => (None, None, if only.is_empty() { adc.unwrap_or("") } else { *only }),
        _ => return Err(WireError::new("the key must be a service account's JSON or region|project|json")),
    };
    let named = |own: Option<&str>, name: &str| {
        own.map(str::trim).filter(|own| !own.is_empty()).or_else(|| config(channel, name)).map(str::to_owned)
    };
    let in_json = || {
        let json: serde_json::Value = serde_json::from_str(credential).ok()?;
        Some(json.get("project_id")?.as_str()?.to_owned())
    };
    let project =
        named(project, "vertex_ai_project_id").or_else(|| config(channel, "project").map(str::to_owned));
    let project = project.or_else(in_json).unwrap_or_default();
    let region = named(region, "region").unwrap_or_else(|| "global".to_owned());
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    if credential.is_empty() || project.is_empty() || !project.bytes().chain(region.bytes()).all(fine) {
        return Err(WireError::new("the channel needs a service account, a project and a region"));
    }
    Ok(Google { region, project, credential: Secret::new(credential) })
}

/// Reads `id|secret` or `app|id|secret`.
pub fn pair(channel: &Channel) -> Result<Pair, WireError> {
    let parts: Vec<&str> = channel.key.expose().split('|').map(str::trim).collect();
    let (app, id, secret) = match parts.as_slice() {
        [id, secret] => (None, *id, *secret),
        [app, id, secret] => (Some((*app).to_owned()), *id, *secret),
        _ => return Err(WireError::new("the key must have its parts joined with |")),
    };
    if id.is_empty() || secret.is_empty() {
        return Err(WireError::new("a part of the key is empty"));
    }
    Ok(Pair { app, id: id.to_owned(), secret: Secret::new(secret) })
}
