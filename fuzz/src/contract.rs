//! What readers promise about the order of events.

use magic_wire::chat::Event;
use std::collections::HashMap;

#[derive(Default)]
struct Choice {
    calls: u32,
    open: bool,
    stopped: bool,
}

/// Panics where events come in an order that writers need not cope with.
pub fn check(events: &[Event], what: &str) {
    let mut choices: HashMap<u32, Choice> = HashMap::new();
    for (at, event) in events.iter().enumerate() {
        let fail = |why: &str| -> ! { panic!("{what}: {why}: event {at} of {events:#?}") };
        match event {
            Event::Start { .. } if at > 0 => fail("a start that is not the first"),
            Event::Fault(_) if at + 1 < events.len() => fail("something after a fault"),
            Event::Start { .. } | Event::Fault(_) | Event::Usage(_) => continue,
            _ if !matches!(events[0], Event::Start { .. }) => fail("content without a start"),
            _ => {}
        }
        let choice = choices.entry(number(event)).or_default();
        if choice.stopped {
            fail("something after the stop of its choice");
        }
        match event {
            Event::CallStart { call, id, .. } => {
                if choice.open || *call != choice.calls {
                    fail("a call out of turn");
                }
                if id.is_empty() {
                    fail("a call without an id");
                }
                choice.calls += 1;
                choice.open = true;
            }
            Event::CallArguments { call, .. } if !choice.open || *call + 1 != choice.calls => {
                fail("arguments of a call that is not open");
            }
            Event::CallArguments { .. } => {}
            Event::CallEnd { call, .. } => {
                if !choice.open || *call + 1 != choice.calls {
                    fail("the end of a call that is not open");
                }
                choice.open = false;
            }
            Event::Stop { .. } => {
                if choice.open {
                    fail("a stop inside a call");
                }
                choice.stopped = true;
            }
            Event::Logprobs { .. } | Event::Annotation { .. } => {}
            _ if choice.open => fail("content inside a call"),
            _ => {}
        }
    }
}

fn number(event: &Event) -> u32 {
    match event {
        Event::Text { choice, .. }
        | Event::Refusal { choice, .. }
        | Event::Annotation { choice, .. }
        | Event::Reasoning { choice, .. }
        | Event::ReasoningEnd { choice, .. }
        | Event::CallStart { choice, .. }
        | Event::CallArguments { choice, .. }
        | Event::CallEnd { choice, .. }
        | Event::Media { choice, .. }
        | Event::Logprobs { choice, .. }
        | Event::Opaque { choice, .. }
        | Event::Stop { choice, .. } => *choice,
        Event::Start { .. } | Event::Usage(_) | Event::Fault(_) => 0,
    }
}
