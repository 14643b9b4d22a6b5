//! The calls of a choice, told one after another however the vendor mixes them (C5).

use crate::chat::{Event, Seal};

/// The calls of a choice, and what was said between their pieces.
#[derive(Default)]
pub(super) struct Calls {
    told: Vec<Told>,
    /// Content that came while a call was open: it follows when that has ended.
    later: Vec<Event>,
}

/// A call as far as it has been told.
#[derive(Default)]
pub(super) struct Told {
    index: Option<u64>,
    pub id: String,
    pub name: String,
    pub custom: bool,
    pub seal: Option<Seal>,
    /// Those of its arguments that no event was made of yet, or all of them where it may end before the stream.
    pub arguments: String,
    /// Bytes of them that have become events.
    sent: usize,
    /// Another call has taken its index: nothing more can come.
    over: bool,
    begun: bool,
    ended: bool,
}

impl Told {
    /// Whether nothing more is to come. No arguments are none only at the end, and a text of a custom tool has
    /// no end to be seen.
    fn is_whole(&self) -> bool {
        self.over
            || (!self.custom
                && self.arguments.trim_start().starts_with('{')
                && self.arguments.trim_end().ends_with('}')
                && serde_json::from_str::<serde::de::IgnoredAny>(&self.arguments).is_ok())
    }
}

impl Calls {
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Whether content waits for the end of a call.
    pub fn holds(&self) -> bool {
        !self.later.is_empty()
    }

    /// The call a piece belongs to: by its index, else by its id, else the last one.
    pub fn find(&mut self, index: Option<u64>, id: &str) -> &mut Told {
        let calls = &mut self.told;
        let found = match (index, id.is_empty()) {
            (Some(index), _) => calls.iter().position(|call| call.index == Some(index)),
            (None, false) => calls.iter().position(|call| call.id == id),
            (None, true) => calls.len().checked_sub(1),
        };
        // Another id under a known index is another call: some vendors number every call 0 (C1).
        let found =
            found.filter(|found| id.is_empty() || calls[*found].id.is_empty() || calls[*found].id == id);
        let found = found.unwrap_or_else(|| {
            if let Some(index) = index {
                for call in calls.iter_mut().filter(|call| call.index == Some(index)) {
                    call.index = None;
                    call.over = true;
                }
            }
            calls.push(Told { index, ..Told::default() });
            calls.len() - 1
        });
        &mut calls[found]
    }

    /// Takes content: at once where no call is open, else when it has ended.
    pub fn content(&mut self, choice: u32, event: Event, out: &mut Vec<Event>) {
        if let Some(open) = self.told.iter_mut().find(|call| !call.ended)
            && open.begun
            && open.sent == open.arguments.len()
            && open.is_whole()
        {
            let at = self.told.iter().take_while(|call| call.ended).count();
            self.close(choice, at, out);
        }
        if self.told.iter().all(|call| call.ended) {
            out.push(event);
        } else {
            self.later.push(event);
        }
    }

    /// Tells of calls in their order: the next one when the one before is whole. `all`: the stream is over.
    pub fn tell(&mut self, choice: u32, all: bool, out: &mut Vec<Event>) {
        for at in 0..self.told.len() {
            let (call, last) = (at as u32, at + 1 == self.told.len());
            let told = &mut self.told[at];
            if told.ended {
                continue;
            }
            if !told.begun {
                if told.name.is_empty() && !all {
                    return; // the name may come in the next piece
                }
                told.begun = true;
                if told.id.is_empty() {
                    told.id = format!("call_{at}");
                }
                out.push(Event::CallStart {
                    choice,
                    call,
                    id: told.id.clone(),
                    name: told.name.clone(),
                    custom: told.custom,
                    seal: told.seal.clone(),
                });
            }
            if let Some(text) = told.arguments.get(told.sent..).filter(|text| !text.is_empty()) {
                out.push(Event::CallArguments { choice, call, text: text.to_owned() });
                told.sent = told.arguments.len();
            }
            let follows = !last || !self.later.is_empty();
            if !(all || (follows && told.is_whole())) {
                return;
            }
            self.close(choice, at, out);
        }
        out.append(&mut self.later);
    }

    fn close(&mut self, choice: u32, at: usize, out: &mut Vec<Event>) {
        if let Some(told) = self.told.get_mut(at) {
            told.ended = true;
            told.arguments = String::new();
            told.sent = 0;
            out.push(Event::CallEnd { choice, call: at as u32 });
        }
    }
}
