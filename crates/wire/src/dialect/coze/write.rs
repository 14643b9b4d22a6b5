//! Requests.

use crate::WireError;
use crate::chat::{Body, ChatRequest, Losses, Media, Role};
use crate::dialect::plain::{self, Turn};
use crate::json::{Object, Out, object};

/// Who asks, where the caller has not said: a user must be named.
const NOBODY: &str = "magic";

pub(super) fn request(chat: &ChatRequest, model: &str, lost: &mut Losses) -> Result<String, WireError> {
    let mut paired = chat.clone();
    paired.pair_calls()?;
    let chat = &paired;
    plain::unsaid(chat, &[], lost)?;
    let (system, turns) = plain::turns(chat, lost)?;
    plain::last_is_users(&turns)?;
    let mut written = Ok(());
    let text = object(|o| {
        o.text("bot_id", model.strip_prefix("bot-").unwrap_or(model));
        o.text("user_id", chat.end_user.as_deref().filter(|user| !user.is_empty()).unwrap_or(NOBODY));
        o.list("additional_messages", |l| {
            if !system.is_empty() {
                // The bot has a prompt of its own: the caller's is something the user says.
                lost.approximated("messages[0]");
                l.object(|o| {
                    head(o, Role::User);
                    o.text("content", &format!("<system>\n{system}\n</system>"));
                    o.text("content_type", "text");
                });
            }
            written = turns.iter().try_for_each(|turn| {
                let (content, kind) = content(turn, lost)?;
                l.object(|o| {
                    head(o, turn.role);
                    o.text("content", &content);
                    o.text("content_type", kind);
                });
                Ok(())
            });
        });
        o.flag("stream", true);
        // The caller keeps the conversation and sends it whole.
        o.flag("auto_save_history", false);
    });
    written.map(|()| text)
}

fn head(o: &mut Object<'_>, role: Role) {
    let (role, kind) = match role {
        Role::Assistant => ("assistant", "answer"),
        _ => ("user", "question"),
    };
    o.text("role", role);
    o.text("type", kind);
}

/// A text, or a text that is the JSON of a list where there are pictures and the like; they must be on the web.
fn content(turn: &Turn<'_>, lost: &mut Losses) -> Result<(String, &'static str), WireError> {
    let kind = |body: &Body| match body {
        Body::Image { media: Media::Url { url, .. }, .. } => Some(("image", url.clone())),
        Body::File { media: Media::Url { url, .. }, .. } => Some(("file", url.clone())),
        Body::Audio(Media::Url { url, .. }) => Some(("audio", url.clone())),
        _ => None,
    };
    if !turn.parts.iter().any(|(part, _)| kind(&part.body).is_some()) {
        return Ok((plain::texts(&turn.parts, lost)?, "text"));
    }
    let mut written = Ok(());
    let mut text = String::new();
    Out::new(&mut text).list(|l| {
        written = turn.parts.iter().try_for_each(|(part, path)| {
            if let Some((kind, url)) = kind(&part.body) {
                l.object(|o| {
                    o.text("type", kind);
                    o.text("file_url", &url);
                });
            } else if let Some(text) = plain::say(part, path, lost)?.filter(|text| !text.is_empty()) {
                l.object(|o| {
                    o.text("type", "text");
                    o.text("text", &text);
                });
            }
            Ok(())
        });
    });
    written.map(|()| (text, "object_string"))
}
