//! Groups: the keys of the option `GroupRatio`, who names them, and their limits.

use crate::Deps;
use crate::answer::{Answer, done, ok};
use crate::error::{Result, invalid};
use crate::extract::Body;
use crate::guard::{Admin, Caller, Root};
use actix_web::web;
use magic_domain::limits::GroupLimits;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// As long as one-api's column.
const NAME_MAX: usize = 32;

/// Their names, as in one-api.
pub async fn list(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<Answer<Vec<String>>> {
    let (options, _) = deps.store.options().await?;
    Ok(ok(options.ratios("GroupRatio").into_keys().collect()))
}

/// A group, and how many name it.
#[derive(Serialize, ToSchema)]
pub struct GroupShown {
    name: String,
    /// What a call costs is multiplied by it; `null`: some name the group, and nobody has given it a ratio.
    ratio: Option<f64>,
    /// `total` for all calls of the group together, `per_user` for each of its users.
    #[schema(value_type = Object)]
    limits: GroupLimits,
    users: i64,
    channels: i64,
    /// Those that name it themselves; others have their user's.
    tokens: i64,
}

pub async fn all(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<Answer<Vec<GroupShown>>> {
    let shown = |group: magic_store::groups::Group| GroupShown {
        name: group.name,
        ratio: group.ratio,
        limits: group.limits,
        users: group.users,
        channels: group.channels,
        tokens: group.tokens,
    };
    Ok(ok(deps.store.groups().await?.into_iter().map(shown).collect()))
}

#[derive(Deserialize, ToSchema)]
pub struct GroupBody {
    /// A new one has 1 when it is left out.
    ratio: Option<f64>,
    #[schema(value_type = Option<Object>)]
    limits: Option<Value>,
    /// Another name: users, channels and tokens go along.
    name: Option<String>,
}

fn name(text: &str) -> Result<String> {
    let text = text.trim();
    match (1..=NAME_MAX).contains(&text.chars().count())
        && !text.contains(|c: char| c == ',' || c == '/' || c.is_control())
    {
        true => Ok(text.to_owned()),
        false => {
            Err(invalid(format!("a group's name has 1 to {NAME_MAX} characters, without commas and slashes")))
        }
    }
}

pub async fn set(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    path: web::Path<String>,
    Body(body): Body<GroupBody>,
) -> Result<Answer<()>> {
    let mut group = name(&path)?;
    let limits = body.limits.map(serde_json::from_value::<GroupLimits>).transpose();
    let limits = limits.map_err(|error| invalid(format!("limits: {error}")))?;
    if body.ratio.is_some_and(|ratio| !(0.0..=1e6).contains(&ratio)) {
        return Err(invalid("a group's ratio is a number from 0 to 1,000,000"));
    }
    let wanted = body.name.as_deref().map(name).transpose()?.filter(|wanted| *wanted != group);
    if let Some(wanted) = wanted {
        deps.store.rename_group(group, wanted.clone()).await?;
        deps.live.reload_all().await?;
        group = wanted;
        if body.ratio.is_none() && limits.is_none() {
            return Ok(done());
        }
    }
    deps.store.set_group(group, body.ratio, limits).await?;
    deps.live.reload().await?;
    Ok(done())
}

pub async fn delete(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    path: web::Path<String>,
) -> Result<Answer<()>> {
    deps.store.delete_group(path.to_string()).await?;
    deps.live.reload().await?;
    Ok(done())
}
