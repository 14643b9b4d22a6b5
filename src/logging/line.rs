//! One record as one line, for people or for programs.

use super::scrub;
use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, Record};
use serde_json::Map;
use std::fmt::Write;

/// Bytes of a line at most; more would be an attack on the disk.
const LINE_MAX: usize = 16 << 10;

/// The line of a record, without its end.
pub fn of(record: &Record<'_>, json: bool) -> String {
    let message = record.args().to_string();
    let mut members = Members { json, map: Map::new(), text: String::new() };
    // Only the visitor could fail, and ours does not.
    let _ = record.key_values().visit(&mut members);
    write(json, record.level(), record.target(), &message, members)
}

/// A line of the logger's own.
pub fn own(json: bool, message: &str) -> String {
    let members = Members { json, map: Map::new(), text: String::new() };
    write(json, Level::Warn, "magic::logging", message, members)
}

fn write(json: bool, level: Level, target: &str, message: &str, members: Members) -> String {
    let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    if json {
        let mut map = Map::new();
        map.insert("time".into(), now.into());
        map.insert("level".into(), level.as_str().into());
        map.insert("target".into(), target.into());
        if !message.is_empty() {
            map.insert("message".into(), scrub(cut(message)).into());
        }
        map.extend(members.map);
        return serde_json::Value::Object(map).to_string();
    }
    // A line is one line: what a caller or a vendor has said can't begin another.
    let text: String = message.chars().flat_map(visible).collect();
    let blank = if text.is_empty() || members.text.is_empty() { "" } else { " " };
    let text = scrub(cut(&format!("{text}{blank}{}", members.text)));
    format!("{now} {level:5} {target} {text}")
}

/// Control characters as their escapes.
fn visible(letter: char) -> impl Iterator<Item = char> {
    let escaped = letter.is_control() && letter != '\t';
    let plain = (!escaped).then_some(letter);
    let escape = escaped.then(|| letter.escape_default()).into_iter().flatten();
    plain.into_iter().chain(escape)
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(LINE_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Takes the members of a record.
struct Members {
    json: bool,
    map: Map<String, serde_json::Value>,
    text: String,
}

impl<'kvs> VisitSource<'kvs> for Members {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        if self.json {
            self.map.insert(key.to_string(), json(&value));
            return Ok(());
        }
        let blank = if self.text.is_empty() { "" } else { " " };
        let value = value.to_string();
        let plain =
            value.chars().all(|letter| !letter.is_whitespace() && !letter.is_control() && letter != '"');
        let _ = match plain {
            true => write!(self.text, "{blank}{key}={value}"),
            false => write!(self.text, "{blank}{key}={value:?}"),
        };
        Ok(())
    }
}

fn json(value: &Value<'_>) -> serde_json::Value {
    if let Some(flag) = value.to_bool() {
        return flag.into();
    }
    if let Some(number) = value.to_u64() {
        return number.into();
    }
    if let Some(number) = value.to_i64() {
        return number.into();
    }
    match value.to_f64() {
        Some(number) => number.into(),
        None => scrub(cut(&value.to_string())).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(json: bool) -> String {
        let source: [(&str, Value<'_>); 4] = [
            ("request.id", "r1".into()),
            ("model", "a \"b\"\nc sk-abcdefgh12345678".into()),
            ("cost_usd", 0.000004.into()),
            ("stream", true.into()),
        ];
        let source: Vec<(&str, Value<'_>)> = source.to_vec();
        let args = format_args!("two\nlines");
        of(&Record::builder().args(args).level(Level::Info).target("t").key_values(&source).build(), json)
    }

    #[test]
    fn members_are_members() {
        let value: serde_json::Value = serde_json::from_str(&line(true)).unwrap();
        assert_eq!(value["request.id"], "r1");
        assert_eq!(value["model"], "a \"b\"\nc [key]");
        assert_eq!(value["cost_usd"], 0.000004);
        assert_eq!(value["stream"], true);
        assert_eq!(value["message"], "two\nlines");
    }

    #[test]
    fn a_line_stays_one_line() {
        let text = line(false);
        assert!(
            text.ends_with(
                r#" INFO  t two\nlines request.id=r1 model="a \"b\"\nc [key]" cost_usd=0.000004 stream=true"#
            ),
            "{text}"
        );
    }

    #[test]
    fn long_lines_are_cut() {
        assert_eq!(cut(&"ä".repeat(LINE_MAX)).len(), LINE_MAX);
    }
}
