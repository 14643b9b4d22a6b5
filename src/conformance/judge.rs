//! From what a vendor answered to a verdict. `No` is said only of what the vendor refuses or ignores: a busy or
//! broken one has shown nothing.

use super::cases::{COLOUR, STOP, TOOL, WORD};
use crate::ask::{Told, Trouble};
use magic_domain::feature::{Feature, Verdict};
use magic_domain::usage::Bucket;
use magic_wire::chat::{Body, Call, Loss, LossKind, Stop};
use magic_wire::fault::FaultClass;
use serde_json::Value;

type Ruling = (Verdict, String);

fn yes() -> Ruling {
    (Verdict::Yes, String::new())
}

fn no(why: impl Into<String>) -> Ruling {
    (Verdict::No, why.into())
}

fn unclear(why: impl Into<String>) -> Ruling {
    (Verdict::Unclear, why.into())
}

/// The verdict where there was no answer.
pub fn trouble(trouble: &Trouble) -> Ruling {
    let said = trouble.to_string();
    match trouble {
        Trouble::NoChat | Trouble::Unsayable(_) => no(said),
        Trouble::Broken(_) => unclear(said),
        // Not implemented.
        Trouble::Refused(501, _) => no(said),
        Trouble::Refused(_, fault) => match fault.class {
            // Some vendors say that they find no model with the feature.
            FaultClass::InvalidRequest | FaultClass::NotFound => no(said),
            _ => unclear(said),
        },
    }
}

/// The verdict on an answer.
pub fn told(feature: Feature, told: &Told) -> Ruling {
    if let Some(loss) = told.lost.iter().find(|loss| matters(loss)) {
        return no(format!("its dialect has no word for {}", loss.path));
    }
    let ruling = shown(feature, told);
    if ruling.0 != Verdict::No {
        return ruling;
    }
    // What the answer lacks may have been to come.
    match told.reply.choices.first().map(|choice| choice.stop) {
        Some(Stop::Length) => unclear("the answer was cut off by its limit"),
        Some(Stop::Filtered) => unclear("the answer was filtered"),
        _ => ruling,
    }
}

/// The requests hold nothing but what is checked: what was left out of one is that, or how strictly it is meant.
fn matters(loss: &Loss) -> bool {
    let shade = ["tool_choice", "parallel_tool_calls"].contains(&loss.path.as_str())
        || loss.path.ends_with("strict")
        || loss.path.ends_with(".name");
    loss.what == LossKind::Dropped && !shade
}

fn shown(feature: Feature, told: &Told) -> Ruling {
    let parts = || told.reply.choices.iter().flat_map(|choice| &choice.parts);
    let text: String = parts().filter_map(|part| part.as_text()).collect();
    let calls: Vec<&Call> = parts()
        .filter_map(|part| match &part.body {
            Body::Call(call) => Some(call),
            _ => None,
        })
        .collect();
    let lower = text.to_lowercase();
    let instead = |what: &str| no(format!("{what}; it said: {}", brief(&text)));
    match feature {
        Feature::Stream if !told.whole => no("the stream ended in the middle"),
        Feature::Chat | Feature::Stream if text.trim().is_empty() => no("the answer has no text"),
        Feature::Stream if !told.streamed => {
            (Verdict::Yes, "it answers whole; the stream is made here".to_owned())
        }
        Feature::Chat | Feature::Stream => yes(),
        Feature::Tools | Feature::ParallelTools if calls.is_empty() => instead("no tool was called"),
        Feature::Tools | Feature::ParallelTools => match calls.iter().find_map(|call| misfit(call)) {
            Some(why) => no(why),
            None if feature == Feature::ParallelTools && calls.len() < 2 => no("it makes one call at a time"),
            None => yes(),
        },
        Feature::Images if lower.contains(COLOUR) => yes(),
        Feature::Images => instead("a yellow picture was not seen"),
        Feature::Reasoning => {
            let thought = parts().any(|part| matches!(part.body, Body::Reasoning(_)));
            let billed = told.reply.usage.is_some_and(|usage| usage.get(Bucket::Reasoning) > 0);
            if thought || billed { yes() } else { no("no reasoning was shown or counted") }
        }
        Feature::StructuredOutput if follows(&text) => yes(),
        Feature::StructuredOutput => instead("the schema was ignored"),
        Feature::CacheMarks => {
            let marks: [&[u8]; 3] = [b"\"cache_control\"", b"\"cachePoint\"", b"\"prompt_cache_breakpoint\""];
            let sent = marks.iter().any(|mark| memchr::memmem::find(&told.sent, mark).is_some());
            if sent { yes() } else { unclear("its dialect has no marks; it may cache by itself".to_owned()) }
        }
        Feature::SystemPrompt if lower.contains(WORD) => yes(),
        Feature::SystemPrompt => instead("the system prompt was not followed"),
        Feature::Stop if lower.contains(STOP) => instead("the stop sequence was ignored"),
        Feature::Stop if lower.contains("one") => yes(),
        Feature::Stop => unclear(format!("it does not count; it said: {}", brief(&text))),
    }
}

/// What is wrong with a call.
fn misfit(call: &Call) -> Option<String> {
    if call.name != TOOL {
        return Some(format!("a tool nobody offered was called: {}", brief(&call.name)));
    }
    match serde_json::from_str::<Value>(&call.arguments) {
        Ok(Value::Object(arguments)) if arguments.contains_key("city") => None,
        Ok(Value::Object(_)) => Some("the call lacks its argument".to_owned()),
        _ => Some("the call's arguments are no JSON object".to_owned()),
    }
}

/// Whether a text is what the schema asks for.
fn follows(text: &str) -> bool {
    let value: Value = serde_json::from_str(text.trim()).unwrap_or_default();
    let members = value.as_object().map_or(0, serde_json::Map::len);
    members == 2 && value["city"].is_string() && value["river"].is_string()
}

fn brief(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use magic_wire::chat::{ChatReply, Choice, Part};
    use magic_wire::fault::read_fault;

    fn told(parts: Vec<Part>, stop: Stop) -> Told {
        let choice = Choice { parts, stop, ..Choice::default() };
        let reply = ChatReply { choices: vec![choice], ..ChatReply::default() };
        Told { reply, streamed: true, whole: true, lost: vec![], sent: Default::default() }
    }

    fn said(text: &str) -> Told {
        told(vec![Part::text(text)], Stop::End)
    }

    fn call(name: &str, arguments: &str) -> Part {
        Part::new(Body::Call(Call {
            id: "1".into(),
            name: name.into(),
            arguments: arguments.into(),
            custom: false,
            seal: None,
        }))
    }

    fn ruled(feature: Feature, told: &Told) -> (Verdict, String) {
        super::told(feature, told)
    }

    #[test]
    fn only_what_a_vendor_refuses_does_not_work() {
        let refused = |status, body: &str| {
            trouble(&Trouble::Refused(status, Box::new(read_fault(status, body.as_bytes())))).0
        };
        for status in [400, 404, 422, 501] {
            assert_eq!(refused(status, "{}"), Verdict::No, "{status}");
        }
        for status in [401, 402, 403, 408, 429, 500, 502, 503, 504, 529] {
            assert_eq!(refused(status, "{}"), Verdict::Unclear, "{status}");
        }
        let filtered = r#"{"error":{"code":"content_filter","message":"m"}}"#;
        assert_eq!(refused(400, filtered), Verdict::Unclear);
        assert_eq!(trouble(&Trouble::Broken("cut".into())).0, Verdict::Unclear);
        assert_eq!(trouble(&Trouble::Unsayable("no words".into())), no("no words"));
    }

    #[test]
    fn an_answer_that_was_cut_off_shows_nothing() {
        let cut = |stop| ruled(Feature::Tools, &told(vec![Part::text("Let me")], stop)).0;
        assert_eq!(cut(Stop::End), Verdict::No);
        assert_eq!(cut(Stop::Length), Verdict::Unclear);
        assert_eq!(cut(Stop::Filtered), Verdict::Unclear);
        // What was shown before the end counts.
        let late = told(vec![call(TOOL, r#"{"city":"Paris"}"#)], Stop::Length);
        assert_eq!(ruled(Feature::Tools, &late), yes());
    }

    #[test]
    fn a_call_has_to_be_the_one_that_was_asked_for() {
        let one =
            |name, arguments| ruled(Feature::Tools, &told(vec![call(name, arguments)], Stop::ToolCalls));
        assert_eq!(one(TOOL, r#"{"city":"Paris"}"#), yes());
        assert!(one("other", "{}").1.contains("nobody offered"));
        assert!(one(TOOL, "").1.contains("no JSON object"));
        assert!(one(TOOL, r#"{"town":"Paris"}"#).1.contains("lacks its argument"));
        let parts = || vec![call(TOOL, r#"{"city":"Paris"}"#)];
        let single = ruled(Feature::ParallelTools, &told(parts(), Stop::ToolCalls));
        assert_eq!(single, no("it makes one call at a time"));
        let both = told([parts(), parts()].concat(), Stop::ToolCalls);
        assert_eq!(ruled(Feature::ParallelTools, &both), yes());
    }

    #[test]
    fn texts_are_looked_at_for_what_they_show() {
        let verdict = |feature, text| ruled(feature, &said(text)).0;
        for (feature, works, fails) in [
            (Feature::Chat, "hello", " "),
            (Feature::Images, "It is Yellow.", "I see no picture"),
            (Feature::SystemPrompt, "PINEAPPLE!", "four"),
            (Feature::Stop, "one two ", "one two three four five"),
            (Feature::StructuredOutput, r#" {"city":"Paris","river":"Seine"}"#, "```json\n{}\n```"),
        ] {
            assert_eq!(verdict(feature, works), Verdict::Yes, "{works}");
            assert_eq!(verdict(feature, fails), Verdict::No, "{fails}");
        }
        assert_eq!(verdict(Feature::StructuredOutput, r#"{"city":"Paris","river":1}"#), Verdict::No);
        assert_eq!(verdict(Feature::StructuredOutput, r#"{"city":"a","river":"b","x":1}"#), Verdict::No);
        assert_eq!(verdict(Feature::Stop, ""), Verdict::Unclear);
        assert_eq!(verdict(Feature::Reasoning, "942"), Verdict::No);
        assert_eq!(verdict(Feature::CacheMarks, "hello"), Verdict::Unclear);
    }

    #[test]
    fn a_stream_has_to_end_and_may_be_ours() {
        assert_eq!(ruled(Feature::Stream, &said("hello")), yes());
        let cut = Told { whole: false, ..said("hello") };
        assert_eq!(ruled(Feature::Stream, &cut).0, Verdict::No);
        let whole = ruled(Feature::Stream, &Told { streamed: false, ..said("hello") });
        assert_eq!((whole.0, whole.1.is_empty()), (Verdict::Yes, false));
    }

    #[test]
    fn what_could_not_be_said_does_not_work() {
        let with = |path: &str, what| {
            let lost = vec![Loss { path: path.into(), what }];
            ruled(Feature::Stop, &Told { lost, ..said("one two ") })
        };
        assert_eq!(with("stop", LossKind::Dropped), no("its dialect has no word for stop"));
        assert_eq!(with("stop", LossKind::Approximated), yes());
        for path in ["tool_choice", "tools.strict", "parallel_tool_calls"] {
            assert_eq!(with(path, LossKind::Dropped), yes(), "{path}");
        }
    }
}
