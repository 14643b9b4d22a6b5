#![no_main]

magic_fuzz::face_target!(
    magic_wire::dialect::openai_chat::OpenAiChat,
    magic_wire::dialect::completions::Completions,
    magic_wire::dialect::completions::Edits
);
