//! Groups: the keys of the option `GroupRatio`.

use crate::Deps;
use crate::answer::{Answer, ok};
use crate::error::Result;
use crate::guard::{Admin, Caller};
use actix_web::web;

pub async fn list(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<Answer<Vec<String>>> {
    let (options, _) = deps.store.options().await?;
    Ok(ok(options.ratios("GroupRatio").into_keys().collect()))
}
