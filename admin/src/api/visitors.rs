//! What visitors see: the operator's pages, the catalogue of models, and how they fare.

use crate::answer::{Answer, ok};
use crate::error::{Result, not_found};
use crate::guard::visitor;
use crate::{Deps, Offer};
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use actix_web::{HttpRequest, HttpResponse, web};
use magic_domain::money::RATIO_ONE;
use magic_domain::options::Options;
use magic_domain::price::Price;
use magic_store::stats::{By, Chart, DAY, HOUR, Sums};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Whose models those see who are not signed in.
const VISITORS: &str = "default";
/// Models whose calls are looked at.
const MODELS_MAX: i64 = 500;
/// A model is degraded with so many calls of late, of which one in so many failed, or fewer that all failed.
const ENOUGH: i64 = 10;
const ONE_IN: i64 = 10;
const FEW: i64 = 3;

/// The group that a caller sees the models of; `None`: it is a visitor, and they are shown nothing.
async fn group_of(request: &HttpRequest, options: &Options, switch: &str) -> Result<Option<String>> {
    Ok(match visitor(request).await? {
        Some(user) => Some(user.group),
        None => options.bool(switch).then(|| VISITORS.to_owned()),
    })
}

/// A model that is offered.
#[derive(Serialize, ToSchema)]
pub struct CatalogueModel {
    model: String,
    /// Nano-dollars, before the group's ratio; null: none is set, and calls are refused.
    #[schema(value_type = Option<Object>)]
    price: Option<Price>,
    /// Who serves it: the type of the first channel's vendor.
    vendor: &'static str,
}

#[derive(Serialize, ToSchema)]
pub struct CatalogueView {
    group: String,
    /// What the group pays of each price.
    ratio: f64,
    models: Vec<CatalogueModel>,
}

/// The models offered to the caller's group, or to visitors, with their prices.
pub async fn catalogue(request: HttpRequest, deps: web::Data<Deps>) -> Result<Answer<CatalogueView>> {
    let (options, _) = deps.store.options().await?;
    let group = group_of(&request, &options, "CatalogueEnabled").await?;
    let group = group.ok_or_else(|| not_found("the catalogue"))?;
    let (ratio, offers) = deps.live.offers(&group);
    let models =
        offers.into_iter().map(|Offer { model, price, vendor, .. }| CatalogueModel { model, price, vendor });
    Ok(ok(CatalogueView { group, ratio: ratio as f64 / RATIO_ONE as f64, models: models.collect() }))
}

/// How a model fared within an hour.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct UptimeHour {
    /// When it began, Unix seconds.
    time: i64,
    /// How many of a hundred calls were not answered. How many there were is nobody's business.
    failed_percent: f64,
}

#[derive(Serialize, ToSchema)]
pub struct UptimeModel {
    model: String,
    /// `up`; `degraded`: some of its channels rest, or calls fail; `down`: no channel can be asked; `idle`: it
    /// could be asked, and nobody did for a day.
    state: &'static str,
    /// Those of the last 24 that had calls.
    hours: Vec<UptimeHour>,
}

#[derive(Serialize, ToSchema)]
pub struct Uptime {
    /// When the first hour begins, Unix seconds.
    from: i64,
    /// Seconds.
    step: i64,
    models: Vec<UptimeModel>,
}

/// A model's state, from its channels and from what its calls add up to by hour.
fn state(offer: &Offer, hours: &[(i64, Sums)], now: i64) -> &'static str {
    if offer.ready == 0 {
        return "down";
    }
    let late = hours.iter().filter(|(time, _)| *time >= now - 2 * HOUR);
    let (calls, failed) = late.fold((0, 0), |(c, f), (_, sums)| (c + sums.calls, f + sums.failed));
    let failing = (calls >= ENOUGH && failed * ONE_IN > calls) || (calls >= FEW && failed == calls);
    match () {
        () if offer.resting > 0 || failing => "degraded",
        () if hours.is_empty() => "idle",
        () => "up",
    }
}

fn percent(sums: Sums) -> f64 {
    (sums.failed as f64 * 1000.0 / sums.calls.max(1) as f64).round() / 10.0
}

/// How the models fare that are offered to the caller's group, or to visitors.
pub async fn uptime(request: HttpRequest, deps: web::Data<Deps>) -> Result<Answer<Uptime>> {
    let (options, _) = deps.store.options().await?;
    let group = group_of(&request, &options, "StatusPageEnabled").await?;
    let group = group.ok_or_else(|| not_found("the status page"))?;
    let now = chrono::Utc::now().timestamp();
    let from = (now - DAY + HOUR).div_euclid(HOUR) * HOUR;
    let chart = Chart { by: By::Model, step: HOUR, from, to: now + 1, top: MODELS_MAX, own: None };
    let (points, _) = deps.store.chart(chart).await?;
    let mut hours: BTreeMap<String, Vec<(i64, Sums)>> = BTreeMap::new();
    for point in points {
        hours.entry(point.name).or_default().push((point.slot, point.sums));
    }
    let (_, offers) = deps.live.offers(&group);
    let models = offers.iter().map(|offer| {
        let hours = hours.remove(&offer.model).unwrap_or_default();
        UptimeModel {
            model: offer.model.clone(),
            state: state(offer, &hours, now),
            hours: hours
                .iter()
                .map(|(time, sums)| UptimeHour { time: *time, failed_percent: percent(*sums) })
                .collect(),
        }
    });
    Ok(ok(Uptime { from, step: HOUR, models: models.collect() }))
}

/// What the operator's own HTML may do: be looked at, and have links that open beside the page (SR-29).
const SANDBOX: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
                       img-src https: data:; style-src 'unsafe-inline'; frame-ancestors 'self'";

/// The operator's HTML of the page `home` or `about`, as a document that can run nothing.
pub async fn content(page: web::Path<String>, deps: web::Data<Deps>) -> Result<HttpResponse> {
    let key = match page.as_str() {
        "home" => "HomePageContent",
        "about" => "About",
        _ => return Err(not_found("this page")),
    };
    let (options, _) = deps.store.options().await?;
    let text = options.text(key);
    if !text.trim_start().starts_with('<') {
        return Err(not_found("HTML of this page"));
    }
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, SANDBOX))
        .body(format!("<!doctype html><meta charset=utf-8><base target=_blank>{text}")))
}

/// The origins of the addresses that the operator shows as pages: frames of our own page may come from there.
pub fn framed(options: &Options) -> Vec<String> {
    let origin = |key: &str| {
        let text = options.text(key).trim();
        let rest = text.strip_prefix("https://")?;
        let host = rest.split(['/', '?', '#']).next()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        (!host.is_empty() && host.chars().all(plain)).then(|| format!("https://{host}"))
    };
    ["HomePageContent", "About"].into_iter().filter_map(origin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(ready: usize, resting: usize) -> Offer {
        Offer { model: "m".into(), price: None, vendor: "", ready, resting }
    }

    fn hour(time: i64, calls: i64, failed: i64) -> (i64, Sums) {
        (time, Sums { calls, failed, ..Sums::default() })
    }

    #[test]
    fn a_model_is_what_its_channels_and_calls_say() {
        let now = 100 * HOUR;
        assert_eq!(state(&offer(0, 1), &[hour(now, 5, 0)], now), "down");
        assert_eq!(state(&offer(1, 1), &[hour(now, 5, 0)], now), "degraded");
        assert_eq!(state(&offer(1, 0), &[hour(now, 20, 3)], now), "degraded");
        assert_eq!(state(&offer(1, 0), &[hour(now, 20, 2)], now), "up");
        assert_eq!(state(&offer(1, 0), &[hour(now, 3, 3)], now), "degraded");
        // Too few to tell, and too long ago.
        assert_eq!(state(&offer(1, 0), &[hour(now, 5, 3)], now), "up");
        assert_eq!(state(&offer(1, 0), &[hour(now - 3 * HOUR, 50, 50)], now), "up");
        assert_eq!(state(&offer(1, 0), &[], now), "idle");
    }

    #[test]
    fn only_an_address_is_framed() {
        let options = |text: &str| Options::new([("About".to_owned(), text.to_owned())].into());
        assert_eq!(framed(&options("https://docs.example.com/a?b")), ["https://docs.example.com"]);
        assert_eq!(framed(&options("https://example.com:8443")), ["https://example.com:8443"]);
        for text in ["http://example.com", "# Hello", "https://", "https://a b", "https://a; script-src *"] {
            assert!(framed(&options(text)).is_empty(), "{text}");
        }
    }
}
