//! Views: filters of the dashboard's lists that users keep under a name.

use crate::Deps;
use crate::answer::{Answer, done, ok};
use crate::error::{Result, invalid};
use crate::extract::{Body, Query};
use crate::guard::{AnyUser, Caller};
use actix_web::web;
use magic_store::views::View;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Filters of a page, under a name.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct KeptView {
    /// The page's address, `/logs`.
    page: String,
    name: String,
    /// What stands behind the address: `type=5&model_name=gpt-4o`.
    query: String,
}

pub async fn list(caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<Answer<Vec<KeptView>>> {
    let views = deps.store.views(caller.user.id).await?.into_iter();
    Ok(ok(views.map(|View { page, name, query }| KeptView { page, name, query }).collect()))
}

/// Keeps a view; one of the same page and name is replaced.
pub async fn keep(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    Body(view): Body<KeptView>,
) -> Result<Answer<()>> {
    let name = view.name.trim();
    let fits = |text: &str, max: usize| text.chars().count() <= max && !text.chars().any(char::is_control);
    if name.is_empty() || !fits(name, 60) {
        return Err(invalid("name has 1 to 60 characters"));
    }
    if !view.page.starts_with('/') || !fits(&view.page, 60) {
        return Err(invalid("page is the address of a page, with 60 characters at most"));
    }
    if !fits(&view.query, 2000) {
        return Err(invalid("query has 2000 characters at most"));
    }
    let view = View { name: name.to_owned(), page: view.page, query: view.query };
    deps.store.keep_view(caller.user.id, view).await?;
    Ok(done())
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct WhichView {
    page: String,
    name: String,
}

pub async fn drop(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    Query(which): Query<WhichView>,
) -> Result<Answer<()>> {
    deps.store.drop_view(caller.user.id, &which.page, &which.name).await?;
    Ok(done())
}
