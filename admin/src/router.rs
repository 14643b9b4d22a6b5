//! Every route on one page. A route is its handler: the role it needs, its parameters, its body and its answer are
//! read from the signature, for the router and for the OpenAPI document alike; a test walks the table and proves
//! that nothing answers without its role.

use crate::Deps;
use crate::api::{
    accounts, alerts, audit, backup, billing, captures, channels, choice, conformance, events, factors,
    groups, import, keys, ledger, limits, logs, nodes, oauth, options, passkeys, pay, prices, prompts,
    sessions, site, stats, tokens, totp, upkeep, users, views, visitors, vouchers,
};
use crate::describe::{Describe, Draft};
use crate::error::{ApiError, not_found};
use crate::extract::BODY_MAX;
use crate::guard;
use crate::limit::Limiter;
use crate::lockout::Lockout;
use crate::mailroom::Mailroom;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{self, Next};
use actix_web::{
    App, Error, FromRequest, Handler, HttpRequest, HttpResponse, Responder, ResponseError, body::MessageBody,
    web,
};
use std::sync::Arc;

/// An operation: where it is, what it does, and the handler that does it.
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub says: &'static str,
    describe: fn(&mut Draft),
    install: Box<dyn Fn(&mut web::ServiceConfig)>,
}

impl Route {
    /// What the handler's signature says.
    pub fn draft(&self) -> Draft {
        let mut draft = Draft { path: self.path, ..Draft::default() };
        (self.describe)(&mut draft);
        draft
    }
}

/// Routes in the order in which they are looked at.
struct Table(Vec<Route>);

impl Table {
    fn add<F, Args>(&mut self, method: &'static str, path: &'static str, says: &'static str, handler: F)
    where
        F: Handler<Args>,
        F::Output: Responder + Describe + 'static,
        Args: FromRequest + Describe + 'static,
    {
        let describe = |draft: &mut Draft| {
            Args::describe(draft);
            F::Output::describe(draft);
        };
        let mut draft = Draft { path, ..Draft::default() };
        describe(&mut draft);
        let access = draft.access;
        let install = move |config: &mut web::ServiceConfig| {
            let route = match method {
                "POST" => web::post(),
                "PUT" => web::put(),
                "DELETE" => web::delete(),
                _ => web::get(),
            };
            let handler = handler.clone();
            let run = move |request: HttpRequest, payload: web::Payload| {
                let handler = handler.clone();
                async move {
                    guard::authenticate(&request, access).await?;
                    let args = Args::from_request(&request, &mut payload.into_inner()).await;
                    let answer = handler.call(args.map_err(Into::into)?).await;
                    Ok::<_, Error>(answer.respond_to(&request).map_into_boxed_body())
                }
            };
            config.route(path, route.to(run));
        };
        self.0.push(Route { method, path, says, describe, install: Box::new(install) });
    }
}

/// Every route. Its role stands in its handler's signature.
pub fn table() -> Vec<Route> {
    let mut table = Table(Vec::new());
    table.add("GET", "/api/status", "The installation's name, sign-in methods and switches", site::status);
    table.add("GET", "/api/notice", "The operator's notice", site::notice);
    table.add("GET", "/api/about", "The text of the about page", site::about);
    table.add("GET", "/api/home_page_content", "The text of the home page", site::home);
    table.add("GET", "/api/content/{page}", "The operator's HTML of `home` or `about`", visitors::content);
    table.add("GET", "/api/catalogue", "The models on offer, with their prices", visitors::catalogue);
    table.add("GET", "/api/uptime", "How the models fare, and fared by hour for a day", visitors::uptime);
    table.add("GET", "/api/openapi.json", "This document", document);
    table.add("GET", "/api/events", "Server-sent events: what kind of thing has changed", events::stream);
    table.add("GET", "/api/alerts", "What is wrong now, or would be soon", alerts::list);
    table.add("GET", "/api/user/self/views", "The own kept filters of the dashboard's lists", views::list);
    table.add("PUT", "/api/user/self/views", "Keeps filters of a list under a name", views::keep);
    table.add("DELETE", "/api/user/self/views", "Forgets filters that were kept", views::drop);
    table.add("GET", "/api/oauth/state", "A state for a flow with a provider, and its cookie", oauth::state);
    table.add(
        "GET",
        "/api/oauth/oidc/start",
        "Begins a flow with OIDC: the whole address, with PKCE and a nonce",
        oauth::oidc_start,
    );
    table.add("GET", "/api/oauth/github", "The way back from GitHub: signs in, or binds", oauth::github);
    table.add("GET", "/api/oauth/oidc", "The way back from OIDC: signs in, or binds", oauth::oidc);
    table.add("GET", "/api/oauth/lark", "The way back from Lark: signs in, or binds", oauth::lark);
    table.add("GET", "/api/oauth/wechat", "Signs in with WeChat's code", oauth::wechat);
    table.add("GET", "/api/oauth/wechat/bind", "Binds WeChat to the own account", oauth::wechat_bind);
    table.add(
        "POST",
        "/api/oauth/totp",
        "Finishes a sign-in by a provider with the second factor",
        factors::redeem,
    );
    table.add("GET", "/api/user/totp", "Whether the own account has a second factor", totp::status);
    table.add("POST", "/api/user/totp", "Begins to set a second factor up", totp::begin);
    table.add("DELETE", "/api/user/totp", "Takes the own second factor away", totp::remove);
    table.add("POST", "/api/user/totp/confirm", "Makes the second factor active", totp::confirm);
    table.add("DELETE", "/api/user/{id}/totp", "Takes a lesser account's second factor away", totp::reset);
    table.add(
        "POST",
        "/api/user/passkey/login/begin",
        "Begins a sign-in by a passkey alone",
        passkeys::sign_in_begin,
    );
    table.add("POST", "/api/user/passkey/login/finish", "Signs in by a passkey alone", passkeys::sign_in);
    table.add("GET", "/api/user/self/passkeys", "The own passkeys", passkeys::list);
    table.add("POST", "/api/user/self/passkeys/begin", "Begins to make a passkey", passkeys::begin);
    table.add("POST", "/api/user/self/passkeys/finish", "Keeps the passkey that was begun", passkeys::finish);
    table.add("PUT", "/api/user/self/passkeys/{id}", "Renames an own passkey", passkeys::rename);
    table.add("DELETE", "/api/user/self/passkeys/{id}", "Takes an own passkey away", passkeys::remove);
    table.add("DELETE", "/api/user/{id}/passkeys", "Takes a lesser account's passkeys away", passkeys::reset);
    table.add(
        "GET",
        "/api/models",
        "The models that each type of channel is known to have",
        channels::known_models,
    );
    table.add("GET", "/api/verification", "Mails a code that proves an address", accounts::verification);
    table.add("GET", "/api/reset_password", "Mails a link for a new password", accounts::reset_password);
    table.add("POST", "/api/user/reset", "Sets a new password by the mailed link", accounts::reset);
    table.add("POST", "/api/user/register", "Makes an account of one's own", accounts::register);
    table.add(
        "GET",
        "/api/oauth/email/bind",
        "Gives the own account an address that a mailed code proves",
        accounts::bind_email,
    );
    table.add("POST", "/api/user/login", "Signs in with name or address and password", users::login);
    table.add("GET", "/api/user/logout", "Ends the session", users::logout);
    table.add("GET", "/api/user/self", "The own account", users::me);
    table.add("PUT", "/api/user/self", "Changes the own name, password or display name", users::update_me);
    table.add("DELETE", "/api/user/self", "Deletes the own account", users::delete_me);
    table.add(
        "GET",
        "/api/user/dashboard",
        "The own use of the last seven days, by day and model",
        logs::dashboard,
    );
    table.add("GET", "/api/user/token", "Makes an access token, as in one-api", users::access_token);
    table.add("POST", "/api/user/token", "Makes an access token, shown this once", users::access_token);
    table.add("DELETE", "/api/user/token", "Revokes the access token", users::revoke_access_token);
    table.add("GET", "/api/user/aff", "The own invitation code", accounts::aff);
    table.add("GET", "/api/user/sessions", "Where the own account is signed in", sessions::list);
    table.add("DELETE", "/api/user/sessions", "Ends every session but this one", sessions::end_others);
    table.add("DELETE", "/api/user/sessions/{id}", "Ends a session", sessions::end);
    table.add(
        "GET",
        "/api/user/available_models",
        "The models that the own group is offered",
        users::available_models,
    );
    table.add("GET", "/api/user/topup_link", "The shop outside, with who asks", pay::link);
    table.add("GET", "/api/user/search", "Searches accounts by id, name or address", users::list);
    table.add(
        "POST",
        "/api/user/manage",
        "Disables, enables, deletes, promotes or demotes an account by its name",
        users::manage,
    );
    table.add("POST", "/api/user/topup", "Redeems a voucher; what it was worth, in quota", vouchers::redeem);
    table.add("GET", "/api/user", "Accounts", users::list);
    table.add("POST", "/api/user", "Makes an account", users::create);
    table.add("PUT", "/api/user", "Changes an account", users::update);
    table.add("GET", "/api/user/{id}", "An account", users::one);
    table.add("DELETE", "/api/user/{id}", "Deletes an account", users::delete);
    table.add("POST", "/api/topup", "Adds to a balance: for payment systems outside", users::topup);
    table.add("GET", "/api/pay", "How balances can be topped up", pay::offers);
    table.add("POST", "/api/pay", "Begins a payment; where to go for it", pay::begin);
    table.add("GET", "/api/pay/order", "The own orders", pay::mine);
    table.add("GET", "/api/pay/order/{id}", "An own order; an open one is asked about", pay::one);
    table.add("GET", "/api/pay/all", "Everybody's orders", pay::all);
    table.add("POST", "/api/pay/stripe", "Stripe's notifications, signed", pay::stripe);
    table.add("POST", "/api/pay/epay", "Epay's notifications, signed", pay::epay);
    table.add(
        "GET",
        "/api/pay/epay",
        "Has Epay asked about an order: nothing that comes this way is believed",
        pay::epay_asked,
    );
    table.add("GET", "/api/redemption/search", "Searches vouchers by id or name", vouchers::list);
    table.add("GET", "/api/redemption/export", "Vouchers as CSV or text", vouchers::export);
    table.add("GET", "/api/redemption", "Vouchers", vouchers::list);
    table.add("POST", "/api/redemption", "Makes vouchers; their codes", vouchers::create);
    table.add("PUT", "/api/redemption", "Changes a voucher that nobody has redeemed", vouchers::update);
    table.add("GET", "/api/redemption/{id}", "A voucher", vouchers::one);
    table.add("DELETE", "/api/redemption/{id}", "Deletes a voucher", vouchers::delete);
    table.add("GET", "/api/audit", "The audit trail, newest first", audit::list);
    table.add("GET", "/api/audit/verify", "Whether the audit trail is whole", audit::verify);
    table.add("GET", "/api/ledger", "Movements of everybody's money, newest first", ledger::list);
    table.add(
        "GET",
        "/api/ledger/verify",
        "The last proof of the books, and the sum of balances",
        ledger::standing,
    );
    table.add("POST", "/api/ledger/verify", "Proves the books", ledger::verify);
    table.add("GET", "/api/backup", "What can be taken along, and where the master key is", backup::offer);
    table.add(
        "GET",
        "/api/backup/config",
        "What is here as a configuration file; the reading is on record",
        backup::config,
    );
    table.add(
        "GET",
        "/api/backup/database",
        "SQLite's database as it is now; the reading is on record",
        backup::database,
    );
    table.add("GET", "/api/import", "How the import of a one-api installation stands", import::state);
    table.add("POST", "/api/import", "Begins to take a one-api installation over", import::begin);
    table.add("GET", "/api/node", "The processes of this installation", nodes::list);
    table.add("POST", "/api/node/{id}/drain", "Asks that no more be sent to a node", nodes::drain);
    table.add("POST", "/api/node/{id}/resume", "Lets a node be sent to again", nodes::resume);
    table.add(
        "POST",
        "/api/node/{id}/lost",
        "Charges what a node that is gone with its disk had set aside",
        nodes::lost,
    );
    table.add(
        "GET",
        "/dashboard/billing/subscription",
        "What a relay key had altogether, as OpenAI's clients ask",
        billing::subscription,
    );
    table.add(
        "GET",
        "/v1/dashboard/billing/subscription",
        "What a relay key had altogether, as OpenAI's clients ask",
        billing::subscription,
    );
    table.add(
        "GET",
        "/dashboard/billing/usage",
        "What a relay key has used, as OpenAI's clients ask",
        billing::usage,
    );
    table.add(
        "GET",
        "/v1/dashboard/billing/usage",
        "What a relay key has used, as OpenAI's clients ask",
        billing::usage,
    );
    table.add("GET", "/api/token/search", "Searches the own tokens by name", tokens::list);
    table.add("GET", "/api/token", "The own tokens", tokens::list);
    table.add("POST", "/api/token", "Makes a token; its key is shown this once", tokens::create);
    table.add("PUT", "/api/token", "Changes an own token", tokens::update);
    table.add("GET", "/api/token/{id}", "An own token", tokens::one);
    table.add("DELETE", "/api/token/{id}", "Deletes an own token", tokens::delete);
    table.add(
        "POST",
        "/api/token/{id}/rotate",
        "Gives an own token another key, shown this once; the old one works on for a while",
        tokens::rotate,
    );
    table.add("GET", "/api/limits", "What is used of limits now", limits::list);
    table.add("GET", "/api/channel/search", "Searches channels by id or name", channels::list);
    table.add(
        "GET",
        "/api/channel/models",
        "Every known model, as OpenAI lists them",
        channels::openai_models,
    );
    table.add("GET", "/api/channel/facets", "Values that channels can be chosen by", choice::facets);
    table.add("GET", "/api/channel/types", "The types of channels", channels::types);
    table.add("GET", "/api/channel/test", "Begins to test channels", upkeep::test_all);
    table.add("GET", "/api/channel/update_balance", "Begins to ask vendors for balances", upkeep::balances);
    table.add(
        "GET",
        "/api/channel/update_balance/{id}",
        "Asks a vendor for its account's balance",
        upkeep::balance,
    );
    table.add("POST", "/api/channel/batch", "Changes or deletes many channels", upkeep::batch);
    table.add("POST", "/api/channel/{id}/copy", "Copies a channel with its key, disabled", upkeep::copy);
    table.add(
        "GET",
        "/api/channel/{id}/vendor_models",
        "What the vendor offers, against what the channel does",
        upkeep::vendor_models,
    );
    table.add("GET", "/api/channel/test/{id}", "Calls a channel for real, unbilled", channels::test);
    table.add(
        "DELETE",
        "/api/channel/disabled",
        "Deletes the disabled channels; how many",
        channels::delete_disabled,
    );
    table.add("GET", "/api/channel", "Channels", channels::list);
    table.add("POST", "/api/channel", "Makes a channel, or one for each line of the key", channels::create);
    table.add("PUT", "/api/channel", "Changes a channel", channels::update);
    table.add("GET", "/api/channel/{id}", "A channel", channels::one);
    table.add("DELETE", "/api/channel/{id}", "Deletes a channel", channels::delete);
    table.add(
        "GET",
        "/api/channel/{id}/conformance",
        "What is known of a channel's abilities",
        conformance::known,
    );
    table.add(
        "POST",
        "/api/channel/{id}/conformance",
        "Finds out what a channel can do, with about ten small calls",
        conformance::check,
    );
    table.add("GET", "/api/channel/{id}/keys", "The keys of a channel that has several", keys::list);
    table.add("POST", "/api/channel/{id}/keys", "Adds keys to a channel", keys::add);
    table.add("PUT", "/api/channel/{id}/keys/{key}", "Enables or disables a channel's key", keys::set);
    table.add("DELETE", "/api/channel/{id}/keys/{key}", "Deletes a channel's key", keys::delete);
    table.add("GET", "/api/option", "The options, without secrets", options::list);
    table.add("PUT", "/api/option", "Sets an option", options::set);
    table.add("POST", "/api/config/reload", "Reads the configuration file again", options::reload_config);
    table.add("GET", "/api/price", "Prices, and offered models that have none", prices::list);
    table.add("PUT", "/api/price", "Sets the price of a model", prices::set);
    table.add("DELETE", "/api/price", "Takes the price of a model away", prices::delete);
    table.add("GET", "/api/price/history", "What prices were when, newest first", prices::history);
    table.add(
        "POST",
        "/api/price/estimate",
        "What a time's calls would have cost at other prices",
        prices::estimate,
    );
    table.add("GET", "/api/group", "The names of the groups", groups::list);
    table.add(
        "GET",
        "/api/group/all",
        "The groups with their ratios, limits, and how many name them",
        groups::all,
    );
    table.add("PUT", "/api/group/{name}", "Makes a group, or changes its ratio, limits or name", groups::set);
    table.add("DELETE", "/api/group/{name}", "Deletes a group that nobody names", groups::delete);
    table.add("GET", "/api/prompt", "Prompts by name", prompts::list);
    table.add("POST", "/api/prompt", "Makes a prompt with its first version", prompts::create);
    table.add("GET", "/api/prompt/export", "Every prompt, as an import takes them", prompts::export);
    table.add(
        "POST",
        "/api/prompt/import",
        "Takes prompts over; what is here already makes no new version",
        prompts::import,
    );
    table.add("GET", "/api/prompt/{name}", "A prompt", prompts::one);
    table.add("PUT", "/api/prompt/{name}", "Describes a prompt", prompts::describe);
    table.add(
        "DELETE",
        "/api/prompt/{name}",
        "Deletes a prompt with its versions and labels",
        prompts::delete,
    );
    table.add(
        "GET",
        "/api/prompt/{name}/versions",
        "The versions of a prompt, newest first",
        prompts::versions,
    );
    table.add("POST", "/api/prompt/{name}/versions", "Adds a version", prompts::add_version);
    table.add("GET", "/api/prompt/{name}/versions/{version}", "A version of a prompt", prompts::version);
    table.add(
        "PUT",
        "/api/prompt/{name}/labels/{label}",
        "Points a label at a version, or shares its calls out",
        prompts::set_label,
    );
    table.add("DELETE", "/api/prompt/{name}/labels/{label}", "Deletes a label", prompts::delete_label);
    table.add("POST", "/api/prompt/{name}/render", "A dry run: what would be said", prompts::render);
    table.add("GET", "/api/prompt/{name}/stats", "Calls, cost and latency by version", prompts::stats);
    table.add("GET", "/api/capture", "The own captured calls, newest first", captures::list);
    table.add("DELETE", "/api/capture", "Deletes the own captures, or a token's; how many", captures::purge);
    table.add(
        "GET",
        "/api/capture/{id}",
        "The bodies of a call by its request's id; root's reading of another's is on record",
        captures::one,
    );
    table.add("DELETE", "/api/capture/{id}", "Deletes the capture of a call", captures::delete);
    table.add("GET", "/api/log", "The log", logs::all);
    table.add("DELETE", "/api/log", "Deletes rows of the log; how many", logs::delete);
    table.add("GET", "/api/log/stat", "The sum of what the log's filters choose", logs::stat);
    table.add("GET", "/api/log/search", "The newest hundred rows that the filters choose", logs::search);
    table.add("GET", "/api/log/export", "The log as CSV or lines of JSON", logs::export_all);
    table.add(
        "GET",
        "/api/log/self/search",
        "The newest hundred own rows that the filters choose",
        logs::my_search,
    );
    table.add("GET", "/api/log/self/export", "The own log as CSV or lines of JSON", logs::export_mine);
    table.add("GET", "/api/log/explain/{id}", "A request by its id: attempts, timings, bill", logs::explain);
    table.add("GET", "/api/log/self", "The own log", logs::mine);
    table.add("GET", "/api/log/self/stat", "The sum of what the own log's filters choose", logs::my_stat);
    table.add(
        "GET",
        "/api/stats",
        "Charts: sums of the log by time and model, user, token, channel or group",
        stats::chart,
    );
    table.0
}

/// Method, path, and who may call: `public`, `token` (a relay key), `user`, `admin` or `root`.
pub fn routes() -> Vec<(&'static str, &'static str, &'static str)> {
    table().iter().map(|route| (route.method, route.path, route.draft().access.name())).collect()
}

async fn document(document: web::Data<Document>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document.0.clone())
}

/// The OpenAPI document, made once.
struct Document(web::Bytes);

async fn admit(
    limiter: web::Data<Arc<Limiter>>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let deps = request.app_data::<web::Data<Deps>>().cloned();
    let admitted = match &deps {
        Some(deps) => guard::admit(request.request(), deps, limiter.get_ref()),
        None => Err(crate::error::unauthorised()),
    };
    match admitted {
        Ok(()) => next.call(request).await.map(ServiceResponse::map_into_left_body),
        Err(error) => Ok(request.into_response(error.error_response()).map_into_right_body()),
    }
}

async fn nowhere(request: HttpRequest, deps: web::Data<Deps>) -> Result<HttpResponse, ApiError> {
    if request.path().starts_with("/api") {
        return Err(not_found("this address"));
    }
    if let Some(file) = crate::dashboard::named(&request)? {
        return Ok(file);
    }
    // The page has to come whatever the database does.
    let options = deps.store.options().await.map(|(options, _)| options).unwrap_or_default();
    crate::dashboard::page(&visitors::framed(&options))
}

/// What the service remembers between requests; every worker has the same.
#[derive(Clone)]
pub struct Memory {
    limiter: Arc<Limiter>,
    lockout: Arc<Lockout>,
    mailroom: Arc<Mailroom>,
    streams: Arc<events::Streams>,
    proving: Arc<ledger::Proving>,
    copying: Arc<backup::Copying>,
    document: web::Data<Document>,
}

impl Memory {
    pub fn new(deps: &Deps) -> Self {
        let mailroom = Arc::new(Mailroom::new(deps.store.clone()));
        let document = web::Data::new(Document(crate::openapi::text(&table(), deps.version).into()));
        Self {
            limiter: Arc::default(),
            lockout: Arc::default(),
            mailroom,
            streams: Arc::default(),
            proving: Arc::default(),
            copying: Arc::default(),
            document,
        }
    }
}

/// Builds the service.
pub fn app(
    deps: Deps,
    memory: Memory,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let headers = middleware::DefaultHeaders::new()
        .add(("x-content-type-options", "nosniff"))
        .add(("referrer-policy", "no-referrer"))
        .add(("cache-control", "no-store"))
        .add((
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ));
    App::new()
        .app_data(web::Data::new(deps))
        .app_data(web::Data::new(memory.limiter))
        .app_data(web::Data::new(memory.lockout))
        .app_data(web::Data::new(memory.mailroom))
        .app_data(web::Data::new(memory.streams))
        .app_data(web::Data::new(memory.proving))
        .app_data(web::Data::new(memory.copying))
        .app_data(memory.document)
        .app_data(web::PayloadConfig::new(BODY_MAX))
        // An id that is no number names nothing.
        .app_data(web::PathConfig::default().error_handler(|_, _| not_found("this address").into()))
        .wrap(middleware::from_fn(crate::audit::note))
        .wrap(middleware::from_fn(admit))
        .wrap(headers)
        // `/api/token/` and `/api/token` are the same; scripts of one-api use both.
        .wrap(middleware::NormalizePath::trim())
        .configure(|config| table().iter().for_each(|route| (route.install)(config)))
        .default_service(web::to(nowhere))
}

#[cfg(test)]
mod tests {
    /// Whether a path fits a template segment by segment.
    fn fits(template: &str, path: &str) -> bool {
        let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        template.len() == path.len() && template.iter().zip(&path).all(|(t, p)| t.starts_with('{') || t == p)
    }

    #[test]
    fn no_route_stands_in_the_shadow_of_another() {
        let routes = super::routes();
        for (method, path, _) in &routes {
            let first = routes.iter().find(|(m, template, _)| m == method && fits(template, path));
            assert_eq!(first.map(|route| route.1), Some(*path), "{method}");
        }
    }
}
