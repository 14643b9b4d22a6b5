//! What objects use of their limits now.

use crate::Deps;
use crate::answer::{Listed, list as listed};
use crate::error::{self, Result, bad_request, forbidden, not_found};
use crate::extract::{Query, number, page_of};
use crate::guard::{AnyUser, Caller};
use actix_web::web;
use magic_domain::ids::{ChannelId, TokenId, UserId};
use magic_domain::limits::{BudgetUse, Limits, Scope, Standing, WindowUse};
use magic_domain::principal::Role;
use magic_store::users::Page;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// An object with its limits and what is used of them on this node.
#[derive(Serialize, ToSchema)]
pub struct LimitedObject {
    /// `token`, `user`, `member`, `group`, `model` or `channel`.
    scope: &'static str,
    /// A number, or the name of a group or model; of a member `<user>:<group>`.
    id: String,
    #[schema(value_type = Object)]
    limits: Limits,
    in_flight: u32,
    /// `seconds`, and `limit`, `used`, `remaining` and `reset_ms` of `requests` and of `tokens`.
    #[schema(value_type = Vec<Object>)]
    windows: Vec<WindowUse>,
    /// `period`, `limit`, `used` and `reserved` in quota, `resets_at` in Unix seconds.
    #[schema(value_type = Vec<Object>)]
    budgets: Vec<BudgetUse>,
}

/// Which objects.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct Which {
    /// `token`, `user`, `member`, `group`, `model` or `channel`.
    scope: String,
    /// A number or a name; of a member `<user>:<group>`.
    id: String,
    /// The page, from 0.
    #[serde(deserialize_with = "number")]
    p: Option<i64>,
    /// Rows of a page: 10 unless given, 100 at most.
    #[serde(deserialize_with = "number")]
    page_size: Option<i64>,
}

fn object(deps: &Deps, scope: Scope, limits: Limits) -> LimitedObject {
    let Standing { in_flight, windows, budgets } = deps.live.standing(scope.clone(), &limits);
    let id = match &scope {
        Scope::Token(TokenId(id)) | Scope::User(UserId(id)) | Scope::Channel(ChannelId(id)) => id.to_string(),
        Scope::Member(id, group) => format!("{id}:{group}"),
        Scope::Group(name) | Scope::Model(name) => name.clone(),
    };
    LimitedObject { scope: scope.kind(), id, limits, in_flight, windows, budgets }
}

/// Without a query: the caller's own account and tokens, those that have limits. `?scope=…&id=…`: one object;
/// `?scope=…`: all of a kind that have limits, a page at a time. Of others' objects only administrators are told.
pub async fn list(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    Query(which): Query<Which>,
) -> Result<Listed<LimitedObject>> {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let admin = caller.user.role >= Role::Admin;
    let all = match (given(&which.scope), given(&which.id)) {
        (None, None) => own(&caller, &deps).await?,
        (None, Some(_)) => return Err(bad_request("scope is missing")),
        (Some(kind), Some(id)) => {
            let scope = scope(&kind, &id)?;
            if !admin && !is_own(&caller, &deps, &scope).await? {
                return Err(not_found("object"));
            }
            let limits = deps.live.limits_of(&scope).ok_or_else(|| not_found("object"))?;
            vec![(scope, limits)]
        }
        (Some(kind), None) if admin => match kind.as_str() {
            "token" | "user" | "group" | "model" | "channel" => deps.live.limited(&kind),
            "member" => return Err(bad_request("members are asked for one by one: id=<user>:<group>")),
            _ => return Err(unknown()),
        },
        (Some(_), None) => return Err(forbidden("only administrators may see the limits of everybody")),
    };
    let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let Page { offset, limit, .. } = page_of(which.p, which.page_size);
    let (offset, limit) =
        (usize::try_from(offset).unwrap_or(usize::MAX), usize::try_from(limit).unwrap_or(0));
    let page = all.into_iter().skip(offset).take(limit);
    Ok(listed(page.map(|(scope, limits)| object(&deps, scope, limits)).collect(), total, i64::MAX))
}

fn unknown() -> error::ApiError {
    bad_request("scope must be token, user, member, group, model or channel")
}

fn scope(kind: &str, id: &str) -> Result<Scope> {
    let number = |text: &str| text.parse::<i64>().map_err(|_| bad_request("id must be a number"));
    Ok(match kind {
        "token" => Scope::Token(TokenId(number(id)?)),
        "user" => Scope::User(UserId(number(id)?)),
        "channel" => Scope::Channel(ChannelId(number(id)?)),
        "group" => Scope::Group(id.to_owned()),
        "model" => Scope::Model(id.to_owned()),
        "member" => {
            let (user, group) = id.split_once(':').ok_or_else(|| bad_request("id must be <user>:<group>"))?;
            Scope::Member(UserId(number(user)?), group.to_owned())
        }
        _ => return Err(unknown()),
    })
}

async fn is_own(caller: &Caller<AnyUser>, deps: &Deps, scope: &Scope) -> Result<bool> {
    Ok(match scope {
        Scope::User(id) | Scope::Member(id, _) => *id == caller.user.id,
        Scope::Token(id) => deps.store.token(caller.user.id, *id).await?.is_some(),
        _ => false,
    })
}

async fn own(caller: &Caller<AnyUser>, deps: &Deps) -> Result<Vec<(Scope, Limits)>> {
    let (id, group) = (caller.user.id, caller.user.group.clone());
    let mut all: Vec<(Scope, Limits)> = [Scope::User(id), Scope::Member(id, group)]
        .into_iter()
        .filter_map(|scope| deps.live.limits_of(&scope).map(|limits| (scope, limits)))
        .collect();
    let page = Page { limit: 1000, ..Page::default() };
    let (tokens, _) = deps.store.tokens(id, page, None).await?;
    all.extend(tokens.into_iter().map(|token| (Scope::Token(token.id), token.limits)));
    all.retain(|(_, limits)| !limits.is_none());
    Ok(all)
}
