//! Models on Bedrock: their ids, and what those of each maker take.

use crate::dialect::anthropic::models;

/// one-api's names and the ids that Bedrock has for them.
const IDS: &[(&str, &str)] = &[
    ("claude-instant-1.2", "anthropic.claude-instant-v1"),
    ("claude-2.0", "anthropic.claude-v2"),
    ("claude-2.1", "anthropic.claude-v2:1"),
    ("claude-3-haiku-20240307", "anthropic.claude-3-haiku-20240307-v1:0"),
    ("claude-3-sonnet-20240229", "anthropic.claude-3-sonnet-20240229-v1:0"),
    ("claude-3-opus-20240229", "anthropic.claude-3-opus-20240229-v1:0"),
    ("claude-3-5-sonnet-20240620", "anthropic.claude-3-5-sonnet-20240620-v1:0"),
    ("claude-3-5-sonnet-20241022", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
    ("claude-3-5-sonnet-latest", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
    ("claude-3-5-haiku-20241022", "anthropic.claude-3-5-haiku-20241022-v1:0"),
    ("llama3-8b-8192", "meta.llama3-8b-instruct-v1:0"),
    ("llama3-70b-8192", "meta.llama3-70b-instruct-v1:0"),
];

/// Bedrock's id of a model; a name that is not known is one already.
pub fn model_id(name: &str) -> &str {
    IDS.iter().find(|(known, _)| *known == name).map_or(name, |(_, id)| id)
}

/// Whether an id (or a name) is a Claude's. The ARN of an application's inference profile does not say.
pub fn is_claude(id: &str) -> bool {
    id.contains("claude")
}

/// Who made a model, as far as it matters for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Claude(models::Model),
    Nova,
    /// Amazon's models that reason and search.
    Nova2,
    Mistral,
    GptOss,
    /// Makers whose models on Bedrock have no structured output.
    Plain,
    Other,
}

impl Family {
    pub(super) fn of(name: &str) -> Family {
        let id = model_id(name);
        let says = |words: &[&str]| words.iter().any(|word| id.contains(word));
        if is_claude(id) {
            // The first ones have a version where later ones have a name.
            let name = if id.contains("claude-v") { "claude-2" } else { id };
            Family::Claude(models::of(name))
        } else if says(&["nova-2"]) {
            Family::Nova2
        } else if says(&["amazon.nova"]) {
            Family::Nova
        } else if says(&["gpt-oss"]) {
            Family::GptOss
        } else if says(&["mistral"]) {
            Family::Mistral
        } else if says(&["amazon.", "meta.", "cohere.", "ai21.", "writer."]) {
            Family::Plain
        } else {
            Family::Other
        }
    }

    pub(super) fn claude(&self) -> Option<&models::Model> {
        match self {
            Family::Claude(model) => Some(model),
            _ => None,
        }
    }

    /// Takes cache points, and a result's status. Others refuse a request that has them.
    pub(super) fn is_claude_or_nova(&self) -> bool {
        matches!(self, Family::Claude(_) | Family::Nova | Family::Nova2)
    }

    /// Has structured output.
    pub(super) fn format(&self) -> bool {
        match self {
            Family::Claude(model) => model.format,
            Family::GptOss | Family::Mistral | Family::Other => true,
            Family::Nova | Family::Nova2 | Family::Plain => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_have_their_ids_and_others_are_ids() {
        assert_eq!(model_id("claude-3-5-sonnet-latest"), "anthropic.claude-3-5-sonnet-20241022-v2:0");
        assert_eq!(model_id("claude-2.1"), "anthropic.claude-v2:1");
        assert_eq!(model_id("llama3-70b-8192"), "meta.llama3-70b-instruct-v1:0");
        assert_eq!(model_id("us.amazon.nova-lite-v1:0"), "us.amazon.nova-lite-v1:0");
        assert!(IDS.iter().all(|(_, id)| model_id(id) == *id));
    }

    #[test]
    fn an_id_is_one_segment_of_the_path() {
        let arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-6-v1:0";
        assert_eq!(
            crate::sign::encoded(arn),
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.claude-opus-4-6-v1%3A0"
        );
        assert!(is_claude(arn) && !is_claude("meta.llama3-8b-instruct-v1:0"));
    }

    #[test]
    fn models_are_known_by_their_maker() {
        let of = Family::of;
        assert!(of("us.anthropic.claude-sonnet-4-5-20250929-v1:0").claude().is_some_and(|m| m.format));
        assert!(of("anthropic.claude-v2:1").claude().is_some_and(|m| m.sampling && !m.format));
        assert_eq!(of("us.amazon.nova-2-lite-v1:0"), Family::Nova2);
        assert_eq!(of("amazon.nova-micro-v1:0"), Family::Nova);
        assert_eq!(of("amazon.titan-text-lite-v1"), Family::Plain);
        assert_eq!(of("llama3-8b-8192"), Family::Plain);
        assert_eq!(of("minimax.minimax-m2"), Family::Other);
        assert_eq!(of("openai.gpt-oss-20b-1:0"), Family::GptOss);
    }
}
