//! Calls and their results belong together: every call of a turn is answered before anything else is said.
//! Vendors refuse a history in which one is missing, and say so in words that help nobody (C17).

use super::{Body, ChatRequest, Message, Part, Role, ToolResult};
use crate::WireError;
use std::collections::HashMap;

impl ChatRequest {
    /// Completes the history: a call that was never answered gets a result that says so, results learn the
    /// name of their tool. A result for a call that nobody made is an error that names it.
    pub fn pair_calls(&mut self) -> Result<(), WireError> {
        let mut names: HashMap<String, String> = HashMap::new();
        let mut open: Vec<(String, String)> = Vec::new();
        let mut paired: Vec<Message> = Vec::with_capacity(self.messages.len());
        for mut message in std::mem::take(&mut self.messages) {
            for part in &mut message.parts {
                match &mut part.body {
                    Body::Call(call) => {
                        names.insert(call.id.clone(), call.name.clone());
                    }
                    Body::Result(result) => match names.get(&result.call_id) {
                        Some(name) => {
                            result.name.get_or_insert_with(|| name.clone());
                            open.retain(|(id, _)| *id != result.call_id);
                        }
                        None => {
                            let id = &result.call_id;
                            return Err(WireError::at(
                                format!("there is a result for the tool call {id:?}, which nobody made"),
                                "messages",
                            ));
                        }
                    },
                    _ => {}
                }
            }
            let answers = message.parts.iter().any(|part| matches!(part.body, Body::Result(_)));
            let speaks = !answers || message.role != Role::User;
            if speaks && !open.is_empty() {
                paired.push(unanswered(&mut open));
            }
            if message.role == Role::Assistant {
                open.extend(message.parts.iter().filter_map(|part| match &part.body {
                    Body::Call(call) => Some((call.id.clone(), call.name.clone())),
                    _ => None,
                }));
            }
            // A turn that answers some calls and says more: the rest of the answers come before what it says.
            if answers && !open.is_empty() && message.parts.iter().any(|p| !matches!(p.body, Body::Result(_)))
            {
                let at = message.parts.iter().take_while(|p| matches!(p.body, Body::Result(_))).count();
                let missing = unanswered(&mut open).parts;
                message.parts.splice(at..at, missing);
            }
            paired.push(message);
        }
        // Calls at the very end are open by right: the caller asks what comes after them only in a prefill.
        self.messages = paired;
        Ok(())
    }
}

fn unanswered(open: &mut Vec<(String, String)>) -> Message {
    let parts = open.drain(..).map(|(call_id, name)| {
        Part::new(Body::Result(ToolResult {
            call_id,
            name: Some(name),
            parts: vec![Part::text("no result was given")],
            is_error: true,
        }))
    });
    Message::new(Role::User, parts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Call;

    fn call(id: &str) -> Part {
        Part::new(Body::Call(Call {
            id: id.into(),
            name: format!("f{id}"),
            arguments: "{}".into(),
            custom: false,
            seal: None,
        }))
    }

    fn result(id: &str) -> Part {
        Part::new(Body::Result(ToolResult { call_id: id.into(), name: None, parts: vec![], is_error: false }))
    }

    fn paired(messages: Vec<Message>) -> Result<Vec<Message>, WireError> {
        let mut chat = ChatRequest { messages, ..ChatRequest::default() };
        chat.pair_calls().map(|()| chat.messages)
    }

    #[test]
    fn a_call_without_a_result_gets_one_that_says_so() {
        let messages = paired(vec![
            Message::new(Role::Assistant, vec![call("1"), call("2")]),
            Message::new(Role::User, vec![result("2")]),
            Message::text(Role::User, "go on"),
        ])
        .unwrap();
        let ids: Vec<Vec<String>> = messages
            .iter()
            .map(|message| {
                let parts = message.parts.iter();
                parts
                    .map(|part| match &part.body {
                        Body::Call(call) => format!("call {}", call.id),
                        Body::Result(r) => {
                            format!("result {} {} {}", r.call_id, r.name.as_deref().unwrap(), r.is_error)
                        }
                        _ => "text".into(),
                    })
                    .collect()
            })
            .collect();
        assert_eq!(
            ids,
            [vec!["call 1", "call 2"], vec!["result 2 f2 false"], vec!["result 1 f1 true"], vec!["text"]]
        );
    }

    #[test]
    fn a_result_without_a_call_is_named() {
        let error = paired(vec![Message::new(Role::User, vec![result("7")])]).unwrap_err();
        assert!(error.message.contains("\"7\""));
    }

    #[test]
    fn calls_at_the_end_stay_open() {
        let messages = paired(vec![Message::new(Role::Assistant, vec![call("1")])]).unwrap();
        assert_eq!(messages.len(), 1);
    }
}
