//! The members of a delta that vendors write in several ways.

use crate::WireError;
use crate::chat::{Seal, SealKind};
use crate::json::{Members, list_of, text_of};
use serde_json::value::RawValue;

/// `content` of a delta: a text, or Mistral's list of parts. True: thinking.
pub(super) fn texts(raw: &RawValue) -> Vec<(bool, String)> {
    if let Some(text) = text_of(raw) {
        return if text.is_empty() { Vec::new() } else { vec![(false, text)] };
    }
    let mut found = Vec::new();
    for raw in list_of(raw).unwrap_or_default() {
        let Ok(mut part) = Members::of(raw, "content") else { continue };
        if let Ok(Some(text)) = part.text("text")
            && !text.is_empty()
        {
            found.push((false, text));
        }
        for raw in part.list("thinking").unwrap_or_default() {
            if let Ok(mut inner) = Members::of(raw, "thinking")
                && let Ok(Some(text)) = inner.text("text")
            {
                found.push((true, text));
            }
        }
    }
    found
}

pub(super) type Detail = (Option<String>, Option<Seal>, Option<String>);

/// OpenRouter's reasoning with its seals. `texts`: the text is not told elsewhere too.
pub(super) fn details(m: &mut Members<'_>, texts: bool) -> Result<Vec<Detail>, WireError> {
    let mut found = Vec::new();
    for raw in m.list("reasoning_details")? {
        let mut detail = Members::of(raw, "reasoning_details")?;
        let dialect = detail.text("format")?.as_deref().and_then(super::super::dialect_of);
        let id = detail.text("id")?;
        let signature = detail.text("signature")?.filter(|text| !text.is_empty());
        let data = detail.text("data")?;
        let text = detail.text("text")?.or(detail.text("summary")?).filter(|_| texts);
        let seal = match (signature, data) {
            (Some(data), _) => dialect.map(|dialect| Seal { dialect, kind: SealKind::Signature, data }),
            (None, Some(data)) => dialect.map(|dialect| Seal { dialect, kind: SealKind::Encrypted, data }),
            (None, None) => None,
        };
        found.push((text, seal, id));
    }
    Ok(found)
}
