//! What a call wants done, whatever the dialect it is asked in.

use serde::{Deserialize, Serialize};

macro_rules! endpoints {
    ($($name:ident = $text:literal,)*) => {
        /// An operation of the public surface that a channel can serve.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Endpoint { $($name,)* }
        impl Endpoint {
            pub const ALL: &'static [Endpoint] = &[$(Endpoint::$name,)*];
            pub const fn name(self) -> &'static str {
                match self { $(Endpoint::$name => $text,)* }
            }
        }
    };
}

endpoints! {
    Chat = "chat",
    Completions = "completions",
    Responses = "responses",
    Embeddings = "embeddings",
    Moderations = "moderations",
    Rerank = "rerank",
    ImageGenerations = "image_generations",
    ImageEdits = "image_edits",
    ImageVariations = "image_variations",
    Speech = "speech",
    Transcriptions = "transcriptions",
    Translations = "translations",
    Edits = "edits",
    Realtime = "realtime",
    Raw = "raw",
}

impl Endpoint {
    /// Whether the answer is text generated token by token, so that a call without a limit must reserve one.
    pub const fn generates(self) -> bool {
        matches!(
            self,
            Endpoint::Chat
                | Endpoint::Completions
                | Endpoint::Responses
                | Endpoint::Edits
                | Endpoint::Realtime
        )
    }
}
