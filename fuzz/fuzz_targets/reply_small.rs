#![no_main]

magic_fuzz::reply_target!(
    magic_wire::dialect::palm::Palm,
    magic_wire::dialect::deepl::DeepL,
    magic_wire::dialect::aiproxy::AiProxyLibrary
);
