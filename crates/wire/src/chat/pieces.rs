//! Callers who follow a stream often send the answer back in the pieces in which it came. They were one text:
//! vendors must not be told a line end, or anything else, between them.

use super::{Body, ChatRequest, Part, Role};

impl ChatRequest {
    /// Joins neighbouring pieces of the model's own text and of its reasoning.
    pub fn join_pieces(&mut self) {
        for message in self.messages.iter_mut().filter(|message| message.role == Role::Assistant) {
            let mut joined: Vec<Part> = Vec::with_capacity(message.parts.len());
            for part in std::mem::take(&mut message.parts) {
                if let Some(last) = joined.last_mut()
                    && last.cache.is_none()
                    && goes_on(&mut last.body, &part.body)
                {
                    last.cache = part.cache;
                    continue;
                }
                joined.push(part);
            }
            message.parts = joined;
        }
    }
}

/// Takes the next piece up, if it is one of the same thing.
fn goes_on(body: &mut Body, next: &Body) -> bool {
    match (body, next) {
        (Body::Text { text, annotations }, Body::Text { text: more, annotations: others }) => {
            text.push_str(more);
            annotations.extend(others.iter().cloned());
            true
        }
        // What has a seal or an id is complete; a seal comes with the last piece.
        (Body::Reasoning(first), Body::Reasoning(more))
            if first.seal.is_none() && first.id.is_none() && first.summary == more.summary =>
        {
            first.text.push_str(&more.text);
            first.seal.clone_from(&more.seal);
            first.id.clone_from(&more.id);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Call, Dialect, Message, Reasoning, Seal, SealKind};
    use super::*;

    fn thought(text: &str, seal: Option<&str>) -> Part {
        let seal = seal.map(|data| Seal {
            dialect: Dialect::Anthropic,
            kind: SealKind::Signature,
            data: data.into(),
        });
        Part::new(Body::Reasoning(Reasoning {
            text: text.into(),
            seal,
            summary: true,
            ..Reasoning::default()
        }))
    }

    #[test]
    fn pieces_of_an_answer_are_one_text() {
        let call = Part::new(Body::Call(Call {
            id: "c".into(),
            name: "f".into(),
            arguments: String::new(),
            custom: false,
            seal: None,
        }));
        let mut message = Message::text(Role::Assistant, "");
        message.parts = vec![
            thought("a", None),
            thought("b", None),
            thought("", Some("s1")),
            thought("c", Some("s2")),
            Part::text("hel"),
            Part::text("lo"),
            call.clone(),
            Part::text("x"),
        ];
        let mut user = Message::text(Role::User, "one");
        user.parts.push(Part::text("two"));
        let mut chat = ChatRequest { messages: vec![message, user.clone()], ..ChatRequest::default() };
        chat.join_pieces();
        let expected =
            [thought("ab", Some("s1")), thought("c", Some("s2")), Part::text("hello"), call, Part::text("x")];
        assert_eq!(chat.messages[0].parts, expected);
        assert_eq!(chat.messages[1], user, "what a user says in parts is theirs to part");
    }
}
