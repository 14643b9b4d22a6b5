//! `magic conformance`: has a running gateway check a channel, and prints what it found.

use crate::remote::{HOW, Remote};
use clap::Args;
use http::Method;
use magic_domain::feature::{Feature, Finding, Verdict};
use magic_domain::secret::Secret;
use magic_wire::sign::encoded;
use serde::Deserialize;
use serde_json::Value;

/// Channels of one page of the list.
const PAGE: usize = 100;

#[derive(Debug, Clone, Args)]
pub struct Conformance {
    /// The channel, by id or name
    #[arg(long, value_name = "ID|NAME")]
    pub channel: String,
    /// The model to check it with, as callers name it [default: the channel's first]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
    /// Where the gateway runs
    #[arg(long, value_name = "URL", env = "MAGIC_URL", default_value = "http://127.0.0.1:3000")]
    pub url: String,
}

#[derive(Deserialize)]
struct Checked {
    channel_id: i64,
    channel_name: String,
    model: String,
    upstream_model: String,
    seconds: f64,
    findings: Vec<Finding>,
}

/// Runs the command with an administrator's access token; the lines to be printed, and what does not work.
///
/// # Errors
/// One line for people: no token, no gateway, no such channel, or what the gateway says.
pub async fn run(args: &Conformance, token: Option<Secret>) -> Result<(String, Vec<Feature>), String> {
    let token = token
        .filter(|token| !token.is_empty())
        .ok_or_else(|| format!("this needs an administrator's access token. {HOW}"))?;
    let remote = Remote::new(&args.url, token)?;
    let id = find(&remote, &args.channel).await?;
    let mut path = format!("/api/channel/{id}/conformance");
    if let Some(model) = &args.model {
        path = format!("{path}?model={}", encoded(model));
    }
    let gone = || format!("there is no channel {id}, or {} is older than this program", args.url);
    let data = remote.call(Method::POST, &path).await?.ok_or_else(gone)?;
    let checked: Checked = serde_json::from_value(data.clone())
        .map_err(|_| format!("{} gave an answer that can't be read", args.url))?;
    let no = |finding: &&Finding| finding.verdict == Verdict::No;
    let failed = checked.findings.iter().filter(no).map(|finding| finding.feature).collect();
    let text = match args.json {
        true => format!("{data:#}"),
        false => table(&checked),
    };
    Ok((text, failed))
}

/// The id of a channel. A name must be a channel's whole name, and only one's.
async fn find(remote: &Remote, wanted: &str) -> Result<i64, String> {
    let mut named = Vec::new();
    for page in 0.. {
        let path = format!("/api/channel/search?keyword={}&page_size={PAGE}&p={page}", encoded(wanted));
        let data = remote.call(Method::GET, &path).await?.unwrap_or_default();
        let rows = data.as_array().map(Vec::as_slice).unwrap_or_default();
        let id = |row: &Value| row["id"].as_i64();
        if let Some(id) = rows.iter().filter_map(id).find(|id| id.to_string() == wanted) {
            return Ok(id);
        }
        named.extend(rows.iter().filter(|row| row["name"] == wanted).filter_map(id));
        if rows.len() < PAGE {
            break;
        }
    }
    match named.as_slice() {
        [] => Err(format!("there is no channel {wanted:?}")),
        [id] => Ok(*id),
        several => {
            let ids: Vec<String> = several.iter().map(i64::to_string).collect();
            Err(format!("several channels are called {wanted:?}: name one by its id ({})", ids.join(", ")))
        }
    }
}

fn table(checked: &Checked) -> String {
    let Checked { channel_id, channel_name, model, upstream_model, seconds, .. } = checked;
    let upstream = if upstream_model == model { String::new() } else { format!(" ({upstream_model})") };
    let mut text =
        format!("channel {channel_id} ({channel_name}), model {model}{upstream}, {seconds:.1} s\n");
    for Finding { feature, verdict, detail } in &checked.findings {
        let line = format!("{:<18} {:<8} {detail}", feature.name(), verdict.name());
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_for_a_query() {
        assert_eq!(encoded("a b/ä&1"), "a%20b%2F%C3%A4%261");
    }

    #[test]
    fn a_table_has_a_line_for_each_finding() {
        let finding = |feature, verdict, detail: &str| Finding { feature, verdict, detail: detail.into() };
        let mut checked = Checked {
            channel_id: 3,
            channel_name: "a".into(),
            model: "m".into(),
            upstream_model: "m".into(),
            seconds: 1.25,
            findings: vec![
                finding(Feature::Chat, Verdict::Yes, ""),
                finding(Feature::StructuredOutput, Verdict::Unclear, "busy"),
            ],
        };
        let text = "channel 3 (a), model m, 1.2 s\nchat               yes\nstructured_output  unclear  busy";
        assert_eq!(table(&checked), text);
        checked.upstream_model = "n".into();
        assert!(table(&checked).starts_with("channel 3 (a), model m (n), "));
    }
}
