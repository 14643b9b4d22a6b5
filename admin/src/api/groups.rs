//! Groups: the keys of the option `GroupRatio`.

use crate::Deps;
use crate::error::{Result, ok};
use crate::guard::{Admin, Caller};
use actix_web::{HttpResponse, web};

pub async fn list(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<HttpResponse> {
    let (options, _) = deps.store.options().await?;
    Ok(ok(options.ratios("GroupRatio").into_keys().collect::<Vec<_>>()))
}
