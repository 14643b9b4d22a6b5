//! Signatures of ours. A caller of this dialect keeps the `signature` of a thinking block and sends it back:
//! there the seals of other dialects travel to the next turn. Ours are recognised by their prefix, so that
//! none ever reaches the vendor, who would refuse it.

use crate::chat::{Dialect, Reasoning, Seal, SealKind};
use crate::json::{self, Members};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "gw1.";

const DIALECTS: [(Dialect, &str); 8] = [
    (Dialect::OpenAiChat, "openai"),
    (Dialect::OpenAiResponses, "responses"),
    (Dialect::Anthropic, "anthropic"),
    (Dialect::Gemini, "gemini"),
    (Dialect::BedrockConverse, "converse"),
    (Dialect::Cohere, "cohere"),
    (Dialect::Ollama, "ollama"),
    (Dialect::Tgi, "tgi"),
];

/// What a signature of ours holds.
#[derive(Debug, Default, PartialEq)]
pub(in crate::dialect) struct Held {
    pub seal: Option<Seal>,
    /// The id of an item of reasoning.
    pub id: Option<String>,
    pub summary: bool,
    /// The seal is that of the call with this id, not of the thinking.
    pub call: Option<String>,
}

/// A signature that holds the seal of a stretch of reasoning.
pub(in crate::dialect) fn of_reasoning(
    text: &str,
    summary: bool,
    seal: Option<&Seal>,
    id: Option<&str>,
) -> String {
    write(seal, id, summary, None, seal.is_none().then_some(text))
}

/// A signature that holds the seal of a call.
pub(super) fn of_call(call: &str, seal: &Seal) -> String {
    write(Some(seal), None, false, Some(call), None)
}

fn write(
    seal: Option<&Seal>,
    id: Option<&str>,
    summary: bool,
    call: Option<&str>,
    text: Option<&str>,
) -> String {
    let held = json::object(|o| {
        if let Some(seal) = seal {
            let name =
                DIALECTS.iter().find(|(dialect, _)| *dialect == seal.dialect).map_or("", |(_, name)| name);
            o.text("dialect", name);
            o.text("kind", if seal.kind == SealKind::Encrypted { "encrypted" } else { "signature" });
            o.text("data", &seal.data);
        }
        o.opt_text("id", id);
        if summary {
            o.flag("summary", true);
        }
        o.opt_text("call", call);
        // Blocks without a seal still have signatures that differ.
        o.opt_text("hash", text.map(|text| format!("{:016x}", hash(text, 0))).as_deref());
    });
    format!("{PREFIX}{}", STANDARD.encode(held))
}

/// What a signature of ours holds; `None` for one of the vendor's, whose dialect is `own`.
pub(in crate::dialect) fn read(signature: &str, own: Dialect) -> Option<Held> {
    let held = signature.strip_prefix(PREFIX)?;
    // Ours but broken: it holds nothing, and is still not the vendor's.
    Some(STANDARD.decode(held).ok().and_then(|bytes| parse(&bytes, own)).unwrap_or_default())
}

fn parse(bytes: &[u8], own: Dialect) -> Option<Held> {
    let mut members = Members::of_body(bytes).ok()?;
    let dialect = members.text("dialect").ok()?;
    let kind = members.text("kind").ok()?;
    let data = members.text("data").ok()?;
    let dialect =
        DIALECTS.iter().find(|(_, name)| Some(*name) == dialect.as_deref()).map(|(dialect, _)| *dialect);
    let kind = if kind.as_deref() == Some("encrypted") { SealKind::Encrypted } else { SealKind::Signature };
    // A caller that puts the vendor's own seal into one of ours gains nothing by it.
    let seal = dialect.filter(|dialect| *dialect != own).zip(data);
    Some(Held {
        seal: seal.map(|(dialect, data)| Seal { dialect, kind, data }),
        id: members.text("id").ok()?,
        summary: members.flag("summary").ok()?.unwrap_or(false),
        call: members.text("call").ok()?,
    })
}

/// The reasoning that a thinking block is, or the seal of a call that it carries.
pub(super) fn reasoning(text: String, signature: Option<String>) -> Result<Reasoning, (String, Seal)> {
    let Some(signature) = signature.filter(|signature| !signature.is_empty()) else {
        return Ok(Reasoning { text, ..Reasoning::default() });
    };
    match read(&signature, Dialect::Anthropic) {
        None => {
            let seal = Seal { dialect: Dialect::Anthropic, kind: SealKind::Signature, data: signature };
            Ok(Reasoning { text, seal: Some(seal), ..Reasoning::default() })
        }
        Some(Held { seal: Some(seal), call: Some(call), .. }) => Err((call, seal)),
        Some(held) => Ok(Reasoning { text, seal: held.seal, id: held.id, summary: held.summary }),
    }
}

/// FNV-1a: the same for the same text, today and in the next version.
pub(in crate::dialect) fn hash(text: &str, salt: u64) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ salt;
    text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c11_foreign_seals_survive_the_caller() {
        for (dialect, kind) in
            [(Dialect::Gemini, SealKind::Signature), (Dialect::OpenAiResponses, SealKind::Encrypted)]
        {
            let seal = Seal { dialect, kind, data: "a\"b/+=".into() };
            let signature = of_reasoning("x", true, Some(&seal), Some("rs_1"));
            let back = reasoning("x".into(), Some(signature)).unwrap();
            assert_eq!(back.seal.as_ref(), Some(&seal));
            assert_eq!((back.id.as_deref(), back.summary), (Some("rs_1"), true));
            assert_eq!(reasoning(String::new(), Some(of_call("c1", &seal))), Err(("c1".into(), seal)));
        }
    }

    #[test]
    fn c14_ours_are_never_the_vendors() {
        for signature in
            [of_reasoning("x", false, None, None).as_str(), "gw1.", "gw1.%%%", "gw1.e30=", "gw1.bnVsbA=="]
        {
            assert_eq!(reasoning("x".into(), Some(signature.into())).unwrap().seal, None, "{signature}");
        }
        let smuggled = Seal { dialect: Dialect::Anthropic, kind: SealKind::Signature, data: "s".into() };
        assert_eq!(read(&of_call("c", &smuggled), Dialect::Anthropic).unwrap().seal, None);
        assert_eq!(of_reasoning("x", false, None, None), of_reasoning("x", false, None, None));
        assert_ne!(of_reasoning("x", false, None, None), of_reasoning("y", false, None, None));
    }
}
