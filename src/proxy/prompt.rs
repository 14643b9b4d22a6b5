//! A call that names a prompt: the prompt's messages go before the caller's own, its model and parameters stand
//! where the caller sets none. It is done before anything else looks at the request, so that routing, books and
//! translation see what the vendor will see.

use super::intake::{self, Intake};
use super::route::Asked;
use crate::gateway::Gateway;
use crate::prompts::{Prompts, Ready};
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::{Code, Fault};
use magic_domain::ids::RequestId;
use magic_domain::prompt::{MODEL_PREFIX, Reference, Unfilled, VENDORS_PREFIX};
use magic_wire::chat::{Dialect, LossKind, Losses};
use magic_wire::prompt::{Filled, put};
use pingora_proxy::Session;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Headers that name a prompt and fill it in.
pub const HEADER: &str = "x-magic-prompt";
const VARIABLES_HEADER: &str = "x-magic-prompt-variables";

/// A prompt that a call has been made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Used {
    /// `name@version`; empty: no prompt.
    pub name: String,
    /// Parameters of the prompt that the caller's dialect can't say.
    pub lost: Losses,
}

/// What a call says about a prompt.
struct Named {
    reference: Reference,
    variables: Map<String, Value>,
    /// Where variables are given, for errors.
    at: &'static str,
    /// `model` names the prompt, and so no model.
    in_model: bool,
}

fn invalid(message: impl Into<String>, at: &str) -> Fault {
    Fault::new(Code::InvalidRequest, message).at(at)
}

/// Makes a prompt's call of the request, if it names one.
pub(super) async fn apply(
    gateway: &Gateway,
    session: &Session,
    asked: &Asked,
    intake: &mut Intake,
    id: RequestId,
) -> Result<Used, Fault> {
    let Some(named) = named(session, intake)? else { return Ok(Used::default()) };
    if !matches!(asked.endpoint, Endpoint::Chat | Endpoint::Responses) {
        return Err(invalid("prompts are for chats: this endpoint takes none", "prompt"));
    }
    let prompts = gateway.routing.load().prompts.clone();
    let ready = find(&prompts, &named.reference, id)?;
    let strict = intake::header(session, "x-magic-strict") == Some("1");
    let limit = gateway.tuning.load().body_bytes;
    let used = Used {
        name: format!("{}@{}", named.reference.name, ready.version.number),
        lost: ready.said(asked.face).map(|said| said.lost.clone()).unwrap_or_default(),
    };
    if strict && let Some(loss) = used.lost.0.iter().find(|loss| loss.what == LossKind::Dropped) {
        let message = format!(
            "{} can't be said in this dialect, and x-magic-strict asks for all or nothing",
            loss.path
        );
        return Err(invalid(message, &loss.path));
    }
    fill(gateway, asked, intake, named, &ready, limit).await?;
    Ok(used)
}

/// What the request says about a prompt, in one of the ways to say it.
fn named(session: &Session, intake: &Intake) -> Result<Option<Named>, Fault> {
    let header = session.req_header().headers.get(HEADER);
    let in_header = session.req_header().headers.get(VARIABLES_HEADER);
    let model = intake.peek.model.as_deref().and_then(|model| model.strip_prefix(MODEL_PREFIX));
    let body = intake.peek.prompt(&intake.body);
    if header.is_none() && in_header.is_none() && model.is_none() && body.is_none() {
        return Ok(None);
    }
    let plain = |value: &http::HeaderValue, name: &str| match value.to_str() {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(invalid(format!("{name} must be plain ASCII (JSON can say the rest as \\u….)"), name)),
    };
    let mut body: Map<String, Value> = match body.map(serde_json::from_slice).transpose() {
        Ok(body) => body.unwrap_or_default(),
        Err(_) => return Err(invalid("prompt must be an object", "prompt")),
    };
    let id = text(&mut body, "id")?;
    let references: Vec<Reference> = [
        header.map(|value| plain(value, HEADER)).transpose()?.as_deref().map(str::trim).map(Reference::parse),
        model.map(Reference::parse),
        id.map(|name| Reference { name, version: None }),
    ]
    .into_iter()
    .flatten()
    .collect();
    let Ok([mut reference]) = <[Reference; 1]>::try_from(references) else {
        let message = "a call with a prompt names it once: in prompt.id, as the model, or in x-magic-prompt";
        return Err(invalid(message, "prompt"));
    };
    if reference.name.starts_with(VENDORS_PREFIX)
        && header.is_none()
        && model.is_none()
        && in_header.is_none()
    {
        // The vendor's own, and the vendor's to judge.
        return Ok(None);
    }
    match (text(&mut body, "version")?, &mut reference.version) {
        (None, _) => {}
        (Some(version), none @ None) => *none = Some(version),
        (Some(_), Some(_)) => return Err(invalid("the prompt's version is there twice", "prompt.version")),
    }
    let (variables, at) = match (body.remove("variables").filter(|value| !value.is_null()), in_header) {
        (Some(_), Some(_)) => {
            return Err(invalid("the prompt's variables are there twice", "prompt.variables"));
        }
        (Some(Value::Object(variables)), None) => (variables, "prompt.variables"),
        (Some(_), None) => return Err(invalid("prompt.variables must be an object", "prompt.variables")),
        (None, Some(value)) => {
            let text = plain(value, VARIABLES_HEADER)?;
            let variables = serde_json::from_str(&text);
            let variables = variables.map_err(|_| {
                invalid(format!("{VARIABLES_HEADER} must be a JSON object"), VARIABLES_HEADER)
            })?;
            (variables, VARIABLES_HEADER)
        }
        (None, None) => (Map::new(), "prompt.variables"),
    };
    if let Some(name) = body.keys().next() {
        let path = format!("prompt.{name}");
        return Err(invalid(
            format!("{path} is no member of a prompt's call: id, version, variables"),
            &path,
        ));
    }
    Ok(Some(Named { reference, variables, at, in_model: model.is_some() }))
}

/// A member that is text, or a number written as one.
fn text(body: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Fault> {
    match body.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Number(number)) if number.is_u64() => Ok(Some(number.to_string())),
        Some(_) => Err(invalid(format!("prompt.{name} must be text"), &format!("prompt.{name}"))),
    }
}

/// The version that is meant.
fn find(prompts: &Prompts, reference: &Reference, id: RequestId) -> Result<Arc<Ready>, Fault> {
    let Reference { name, version } = reference;
    let Some(prompt) = prompts.get(name) else {
        let name: String = name.chars().take(64).collect();
        return Err(Fault::new(Code::PromptNotFound, format!("there is no prompt {name:?}")).at("prompt"));
    };
    prompt.choose(version.as_deref(), id.0 as u64).cloned().ok_or_else(|| {
        let version: String = version.as_deref().unwrap_or_default().chars().take(64).collect();
        let message = format!("the prompt {name} has no version or label {version:?}");
        Fault::new(Code::PromptNotFound, message).at("prompt.version")
    })
}

/// Puts the prompt into the request.
async fn fill(
    gateway: &Gateway,
    asked: &Asked,
    intake: &mut Intake,
    named: Named,
    ready: &Ready,
    limit: usize,
) -> Result<(), Fault> {
    let version = &ready.version;
    let said = version.render(named.variables, limit).map_err(|error| match error {
        Unfilled::TooLong(_) => Fault::new(Code::BodyTooLarge, error.to_string()),
        _ => invalid(error.to_string(), named.at),
    })?;
    let absent = named.in_model || intake.peek.model.as_deref().is_none_or(str::is_empty);
    let model = match (&version.model, absent) {
        (_, false) => None,
        (Some(model), true) => Some(model.as_str()),
        (None, true) => {
            let message = format!("the prompt {} has no model of its own: name one", named.reference.name);
            return Err(invalid(message, "model"));
        }
    };
    let none = Map::new();
    let params = ready.said(asked.face).map_or(&none, |said| &said.params);
    // Gemini names it in the address.
    let written = model.filter(|_| asked.face != Dialect::Gemini);
    let filled = Filled { said: &said, model: written, params };
    let wire = |error: magic_wire::WireError| match error.param {
        Some(param) => invalid(error.message, &param),
        None => Fault::new(Code::InvalidRequest, error.message),
    };
    let rope = put(asked.face, &intake.body, &intake.peek, &filled).map_err(wire)?;
    if rope.len() > limit {
        return Err(Fault::new(Code::BodyTooLarge, "the prompt makes the request too long"));
    }
    intake::grow(gateway, intake, rope.len()).await?;
    intake.body = rope.concat();
    let asked_model = model.map(str::to_owned).or_else(|| intake.peek.model.take());
    intake.peek = intake::look(asked, &intake.body, asked_model.as_deref()).map_err(wire)?;
    intake.peek.model = intake.peek.model.take().or(asked_model);
    Ok(())
}
