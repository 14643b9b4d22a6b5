//! A stream as a whole answer, and a whole answer as a stream.

use super::{Annotation, Body, Call, ChatReply, Choice, Event, Part, Reasoning, Stop};
use crate::fault::VendorFault;

/// Collects the events of a stream into the answer they make up.
#[derive(Debug, Default)]
pub struct Fold {
    reply: ChatReply,
    /// The error that ended the stream.
    pub fault: Option<VendorFault>,
    /// Per choice: where the open stretch of text, refusal or reasoning is among its parts.
    open: Vec<Option<usize>>,
}

impl Fold {
    pub fn push(&mut self, event: &Event) {
        match event {
            Event::Start { id, model, created, usage } => {
                self.reply.id.clone_from(id);
                self.reply.model.clone_from(model);
                self.reply.created = *created;
                self.reply.usage = *usage;
            }
            Event::Text { choice, text } => {
                self.append(
                    *choice,
                    text,
                    |body| matches!(body, Body::Text { .. }),
                    || Body::Text { text: String::new(), annotations: Vec::new() },
                );
            }
            Event::Refusal { choice, text } => {
                self.append(
                    *choice,
                    text,
                    |body| matches!(body, Body::Refusal(_)),
                    || Body::Refusal(String::new()),
                );
            }
            Event::Reasoning { choice, text, summary } => {
                let summary = *summary;
                self.append(
                    *choice,
                    text,
                    |body| matches!(body, Body::Reasoning(_)),
                    || Body::Reasoning(Reasoning { summary, ..Reasoning::default() }),
                );
            }
            Event::ReasoningEnd { choice, seal, id } => {
                let open = self.close(*choice);
                let choice = self.choice(*choice);
                let last = open.and_then(|index| choice.parts.get_mut(index));
                match last.map(|part| &mut part.body) {
                    Some(Body::Reasoning(reasoning)) => {
                        reasoning.seal.clone_from(seal);
                        reasoning.id.clone_from(id);
                    }
                    _ if seal.is_some() => {
                        let reasoning =
                            Reasoning { seal: seal.clone(), id: id.clone(), ..Reasoning::default() };
                        choice.parts.push(Part::new(Body::Reasoning(reasoning)));
                    }
                    _ => {}
                }
            }
            Event::Annotation { choice, annotation } => self.annotate(*choice, annotation.clone()),
            Event::CallStart { choice, id, name, custom, seal, .. } => {
                self.close(*choice);
                self.choice(*choice).parts.push(Part::new(Body::Call(Call {
                    id: id.clone(),
                    name: name.clone(),
                    arguments: String::new(),
                    custom: *custom,
                    seal: seal.clone(),
                })));
            }
            Event::CallArguments { choice, call, text } => {
                let calls = self.choice(*choice).parts.iter_mut().filter_map(|part| match &mut part.body {
                    Body::Call(call) => Some(call),
                    _ => None,
                });
                if let Some(call) = calls.into_iter().nth(*call as usize) {
                    call.arguments.push_str(text);
                }
            }
            Event::CallEnd { .. } => {}
            Event::Media { choice, part } => {
                self.close(*choice);
                self.choice(*choice).parts.push(part.clone());
            }
            Event::Opaque { choice, dialect, json } => {
                self.close(*choice);
                let body = Body::Opaque { dialect: *dialect, json: json.clone() };
                self.choice(*choice).parts.push(Part::new(body));
            }
            Event::Logprobs { choice, json } => self.choice(*choice).logprobs = Some(json.clone()),
            Event::Stop { choice, stop, stop_text } => {
                let choice = self.choice(*choice);
                choice.stop = *stop;
                choice.stop_text.clone_from(stop_text);
            }
            Event::Usage(usage) => self.reply.usage = Some(*usage),
            Event::Fault(fault) => self.fault = Some(fault.clone()),
        }
    }

    /// The answer so far.
    pub fn finish(self) -> ChatReply {
        self.reply
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        // Vendors number choices from 0; a number from nowhere must not make us allocate for it.
        let index = (index as usize).min(127);
        while self.reply.choices.len() <= index {
            self.reply.choices.push(Choice::default());
            self.open.push(None);
        }
        &mut self.reply.choices[index]
    }

    fn close(&mut self, index: u32) -> Option<usize> {
        self.choice(index);
        self.open[(index as usize).min(127)].take()
    }

    fn append(&mut self, index: u32, text: &str, same: impl Fn(&Body) -> bool, fresh: impl FnOnce() -> Body) {
        self.choice(index);
        let at = (index as usize).min(127);
        let parts = &mut self.reply.choices[at].parts;
        let open = self.open[at].filter(|open| parts.get(*open).is_some_and(|part| same(&part.body)));
        let open = open.unwrap_or_else(|| {
            parts.push(Part::new(fresh()));
            parts.len() - 1
        });
        self.open[at] = Some(open);
        if let Some(part) = parts.get_mut(open) {
            match &mut part.body {
                Body::Text { text: whole, .. } | Body::Refusal(whole) => whole.push_str(text),
                Body::Reasoning(reasoning) => reasoning.text.push_str(text),
                _ => {}
            }
        }
    }

    fn annotate(&mut self, index: u32, annotation: Annotation) {
        let texts = self.choice(index).parts.iter_mut().rev().find_map(|part| match &mut part.body {
            Body::Text { annotations, .. } => Some(annotations),
            _ => None,
        });
        if let Some(annotations) = texts {
            annotations.push(annotation);
        }
    }
}

impl ChatReply {
    /// The events of a stream that would have given this answer.
    pub fn events(&self) -> Vec<Event> {
        let mut events = vec![Event::Start {
            id: self.id.clone(),
            model: self.model.clone(),
            created: self.created,
            usage: None,
        }];
        for (index, choice) in self.choices.iter().enumerate() {
            let index = index as u32;
            let mut calls = 0;
            for part in &choice.parts {
                events_of(part, index, &mut calls, &mut events);
            }
            if let Some(json) = &choice.logprobs {
                events.push(Event::Logprobs { choice: index, json: json.clone() });
            }
            // A call means that the turn goes on, whatever the vendor called it.
            let stop = if choice.calls() && choice.stop == Stop::End { Stop::ToolCalls } else { choice.stop };
            events.push(Event::Stop { choice: index, stop, stop_text: choice.stop_text.clone() });
        }
        events.extend(self.usage.map(Event::Usage));
        events
    }
}

fn events_of(part: &Part, choice: u32, calls: &mut u32, events: &mut Vec<Event>) {
    match &part.body {
        Body::Text { text, annotations } => {
            events.push(Event::Text { choice, text: text.clone() });
            let each = annotations.iter().cloned();
            events.extend(each.map(|annotation| Event::Annotation { choice, annotation }));
        }
        Body::Refusal(text) => events.push(Event::Refusal { choice, text: text.clone() }),
        Body::Reasoning(reasoning) => {
            if !reasoning.text.is_empty() {
                let (text, summary) = (reasoning.text.clone(), reasoning.summary);
                events.push(Event::Reasoning { choice, text, summary });
            }
            let (seal, id) = (reasoning.seal.clone(), reasoning.id.clone());
            events.push(Event::ReasoningEnd { choice, seal, id });
        }
        Body::Call(call) => {
            let number = *calls;
            *calls += 1;
            events.push(Event::CallStart {
                choice,
                call: number,
                id: call.id.clone(),
                name: call.name.clone(),
                custom: call.custom,
                seal: call.seal.clone(),
            });
            if !call.arguments.is_empty() {
                let text = call.arguments.clone();
                events.push(Event::CallArguments { choice, call: number, text });
            }
            events.push(Event::CallEnd { choice, call: number });
        }
        Body::Opaque { dialect, json } => {
            events.push(Event::Opaque { choice, dialect: *dialect, json: json.clone() });
        }
        Body::Image { .. } | Body::Audio(_) | Body::Video(_) | Body::File { .. } => {
            events.push(Event::Media { choice, part: part.clone() });
        }
        Body::Result(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Dialect, Seal, SealKind};

    #[test]
    fn an_answer_survives_being_streamed() {
        let seal = Seal { dialect: Dialect::Anthropic, kind: SealKind::Signature, data: "s".into() };
        let call = |id: &str, arguments: &str| {
            Part::new(Body::Call(Call {
                id: id.into(),
                name: "f".into(),
                arguments: arguments.into(),
                custom: false,
                seal: None,
            }))
        };
        let reply = ChatReply {
            id: "1".into(),
            model: "m".into(),
            choices: vec![Choice {
                parts: vec![
                    Part::new(Body::Reasoning(Reasoning {
                        text: "hm".into(),
                        seal: Some(seal),
                        ..Reasoning::default()
                    })),
                    Part::text("a"),
                    call("x", "{}"),
                    call("y", ""),
                    Part::text("b"),
                ],
                stop: Stop::ToolCalls,
                ..Choice::default()
            }],
            ..ChatReply::default()
        };
        let mut fold = Fold::default();
        reply.events().iter().for_each(|event| fold.push(event));
        assert_eq!(fold.finish(), reply);
    }
}
