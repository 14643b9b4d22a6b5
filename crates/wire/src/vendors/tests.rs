use super::*;
use magic_domain::channel::{Channel, ChannelStatus, Limits, Timeouts};
use magic_domain::ids::ChannelId;
use magic_domain::secret::Secret;

fn channel(kind: u16, base_url: &str) -> Channel {
    Channel {
        id: ChannelId(1),
        kind,
        name: String::new(),
        status: ChannelStatus::Enabled,
        key: Secret::new("K"),
        key_id: 0,
        keys: vec![],
        base_url: base_url.into(),
        models: vec![],
        model_mapping: Default::default(),
        groups: vec![],
        priority: 0,
        weight: 0,
        tags: vec![],
        system_prompt: None,
        proxy: None,
        ca_pem: None,
        limits: Limits::default(),
        timeouts: Timeouts::default(),
        headers: Default::default(),
        params: Default::default(),
        config: Default::default(),
    }
}

/// The way that a call of that endpoint takes, asked for in OpenAI's words.
fn way(
    channel: &Channel,
    endpoint: Endpoint,
    model: &str,
    path: &str,
    stream: bool,
) -> Result<Target, crate::WireError> {
    let face = if endpoint == Endpoint::Responses { Dialect::OpenAiResponses } else { Dialect::OpenAiChat };
    let plain = Outbound::plain(face, endpoint);
    target(channel, outbound(channel.kind, endpoint, face, model).unwrap_or(plain), model, path, stream)
}

fn shown(target: &Target) -> String {
    let scheme = if target.tls { "https" } else { "http" };
    format!("{scheme}://{}{}", target.host_header, target.path_and_query)
}

fn url(kind: u16, base: &str, endpoint: Endpoint, path: &str) -> String {
    let target = way(&channel(kind, base), endpoint, "gpt-4.1", path, false).unwrap();
    let scheme = if target.tls { "https" } else { "http" };
    format!("{scheme}://{}{}", target.host_header, target.path_and_query)
}

#[test]
fn numbers_are_sorted_and_unique() {
    assert!(VENDORS.windows(2).all(|pair| pair[0].kind < pair[1].kind));
    // One-api's numbers are complete.
    assert!((1..=51).all(|kind| vendor(kind).is_some()));
    for vendor in VENDORS {
        assert!(vendor.base_url.is_empty() || base(vendor.base_url).is_ok(), "{}", vendor.name);
        assert!(vendor.models.is_empty() || LISTS.models.contains_key(vendor.models), "{}", vendor.name);
    }
}

#[test]
fn every_address_rule() {
    const CHAT: &str = "/v1/chat/completions";
    for (kind, base, endpoint, path, expected) in [
        (1, "", Endpoint::Chat, CHAT, "https://api.openai.com/v1/chat/completions"),
        (1, "https://x.test/", Endpoint::Chat, CHAT, "https://x.test/v1/chat/completions"),
        (8, "http://10.0.0.1:8000/v1", Endpoint::Chat, CHAT, "http://10.0.0.1:8000/v1/chat/completions"),
        (8, "http://h/proxy", Endpoint::Embeddings, "/v1/embeddings?a=b", "http://h/proxy/v1/embeddings?a=b"),
        (
            1,
            "https://gateway.ai.cloudflare.com/v1/a/g/openai",
            Endpoint::Chat,
            CHAT,
            "https://gateway.ai.cloudflare.com/v1/a/g/openai/chat/completions",
        ),
        (20, "", Endpoint::Chat, CHAT, "https://openrouter.ai/api/v1/chat/completions"),
        (27, "", Endpoint::Chat, CHAT, "https://api.minimax.chat/v1/text/chatcompletion_v2"),
        (29, "", Endpoint::Chat, CHAT, "https://api.groq.com/openai/v1/chat/completions"),
        (40, "", Endpoint::Chat, CHAT, "https://ark.cn-beijing.volces.com/api/v3/chat/completions"),
        (
            40,
            "",
            Endpoint::Embeddings,
            "/v1/embeddings",
            "https://ark.cn-beijing.volces.com/api/v3/embeddings",
        ),
        (41, "", Endpoint::Chat, CHAT, "https://api.novita.ai/v3/openai/chat/completions"),
        (47, "", Endpoint::Chat, CHAT, "https://qianfan.baidubce.com/v2/chat/completions"),
        (49, "", Endpoint::Chat, CHAT, "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions"),
        (50, "https://h/api/", Endpoint::Chat, CHAT, "https://h/api/chat/completions"),
        (50, "https://h/v1", Endpoint::Responses, "/v1/responses", "https://h/v1/responses"),
        (
            51,
            "",
            Endpoint::Chat,
            CHAT,
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        ),
        (58, "", Endpoint::Chat, CHAT, "https://api.perplexity.ai/chat/completions"),
        (999, "https://h", Endpoint::Chat, CHAT, "https://h/v1/chat/completions"),
        (
            3,
            "https://r.openai.azure.com",
            Endpoint::Chat,
            "/v1/chat/completions?x=1",
            "https://r.openai.azure.com/openai/deployments/gpt-41/chat/completions?api-version=2024-10-21",
        ),
        (
            3,
            "https://r.openai.azure.com",
            Endpoint::ImageGenerations,
            "/v1/images/generations",
            "https://r.openai.azure.com/openai/deployments/gpt-4.1/images/generations?api-version=2024-10-21",
        ),
        (
            3,
            "https://r.openai.azure.com",
            Endpoint::Responses,
            "/v1/responses",
            "https://r.openai.azure.com/openai/responses?api-version=2024-10-21",
        ),
        (
            3,
            "https://r.openai.azure.com/openai/v1/",
            Endpoint::Chat,
            CHAT,
            "https://r.openai.azure.com/openai/v1/chat/completions",
        ),
        (
            3,
            "https://gateway.ai.cloudflare.com/v1/a/g/azure-openai/r",
            Endpoint::Chat,
            CHAT,
            "https://gateway.ai.cloudflare.com/v1/a/g/azure-openai/r/gpt-41/chat/completions?api-version=2024-10-21",
        ),
    ] {
        assert_eq!(url(kind, base, endpoint, path), expected);
    }
}

#[test]
fn the_credential_is_the_vendors() {
    let headers = |kind| {
        way(&channel(kind, "https://h"), Endpoint::Chat, "m", "/v1/chat/completions", false).unwrap().headers
    };
    assert_eq!(headers(1), [("authorization".to_owned(), "Bearer K".to_owned())]);
    assert_eq!(headers(3), [("api-key".to_owned(), "K".to_owned())]);
    let shown = format!("{:?}", way(&channel(1, "https://h"), Endpoint::Chat, "m", "/v1", false).unwrap());
    assert!(!shown.contains('K'));
}

#[test]
fn every_type_has_something_to_serve() {
    for vendor in VENDORS {
        let served = Endpoint::ALL.iter().any(|endpoint| serves(vendor.kind, *endpoint));
        assert!(served, "{} serves nothing", vendor.name);
        let chats = !matches!(vendor.family, Family::Proxy);
        let faces = [
            (Endpoint::Chat, Dialect::OpenAiChat),
            (Endpoint::Completions, Dialect::OpenAiChat),
            (Endpoint::Responses, Dialect::OpenAiResponses),
            (Endpoint::Chat, Dialect::Anthropic),
            (Endpoint::Chat, Dialect::Gemini),
        ];
        for (endpoint, face) in faces {
            assert_eq!(
                outbound(vendor.kind, endpoint, face, "m").is_some(),
                chats,
                "{} {endpoint:?} {face:?}",
                vendor.name
            );
        }
    }
    assert!(serves(41, Endpoint::Chat) && !serves(41, Endpoint::Embeddings));
}

#[test]
fn vendors_with_addresses_of_their_own() {
    let address = |kind: u16, key: &str, config: &[(&str, &str)], endpoint, model: &str, stream| {
        let mut channel = channel(kind, "");
        channel.key = Secret::new(key);
        channel.config = config.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        shown(&way(&channel, endpoint, model, "/v1/x?caller=1", stream).unwrap())
    };
    use Endpoint::{Chat, Embeddings, Rerank};
    let google = "europe-west1|p-1|{}";
    for (kind, key, config, endpoint, model, stream, expected) in [
        (
            11,
            "k",
            &[][..],
            Chat,
            "chat-bison-001",
            false,
            "https://generativelanguage.googleapis.com/v1beta2/models/chat-bison-001:generateMessage",
        ),
        (
            15,
            "a|b",
            &[],
            Chat,
            "ERNIE-4.0-8K",
            true,
            "https://aip.baidubce.com/rpc/2.0/ai_custom/v1/wenxinworkshop/chat/completions_pro",
        ),
        (
            15,
            "a|b",
            &[],
            Embeddings,
            "Embedding-V1",
            false,
            "https://aip.baidubce.com/rpc/2.0/ai_custom/v1/wenxinworkshop/embeddings/embedding-v1",
        ),
        (16, "a.b", &[], Embeddings, "embedding-3", false, "https://open.bigmodel.cn/api/paas/v4/x?caller=1"),
        (
            17,
            "k",
            &[],
            Chat,
            "qwen-max",
            true,
            "https://dashscope.aliyuncs.com/api/v1/services/aigc/text-generation/generation",
        ),
        (
            17,
            "k",
            &[],
            Chat,
            "qwen-vl-max",
            true,
            "https://dashscope.aliyuncs.com/api/v1/services/aigc/multimodal-generation/generation",
        ),
        (
            17,
            "k",
            &[],
            Rerank,
            "gte-rerank",
            false,
            "https://dashscope.aliyuncs.com/api/v1/services/rerank/text-rerank/text-rerank",
        ),
        (23, "1|a|b", &[], Chat, "hunyuan-lite", true, "https://hunyuan.tencentcloudapi.com/"),
        (30, "", &[], Chat, "llama3", true, "http://localhost:11434/api/chat"),
        (
            33,
            "a|b|eu-central-1",
            &[],
            Chat,
            "amazon.nova-lite-v1:0",
            true,
            "https://bedrock-runtime.eu-central-1.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse-stream",
        ),
        (
            33,
            "a|b|us-west-2",
            &[],
            Chat,
            "anthropic.claude-x",
            false,
            "https://bedrock-runtime.us-west-2.amazonaws.com/model/anthropic.claude-x/invoke",
        ),
        (
            56,
            "key",
            &[("region", "us-east-2")],
            Chat,
            "anthropic.claude-x",
            false,
            "https://bedrock-runtime.us-east-2.amazonaws.com/model/anthropic.claude-x/converse",
        ),
        (34, "k", &[], Chat, "bot-1", false, "https://api.coze.com/v3/chat"),
        (35, "k", &[], Rerank, "rerank-v3", false, "https://api.cohere.ai/v2/rerank"),
        (
            37,
            "k",
            &[("user_id", "acct")],
            Chat,
            "@cf/m",
            true,
            "https://api.cloudflare.com/client/v4/accounts/acct/ai/v1/x?caller=1",
        ),
        (38, "k", &[], Chat, "deepl-zh", false, "https://api-free.deepl.com/v2/translate"),
        (
            42,
            google,
            &[],
            Chat,
            "gemini-2.5-pro",
            true,
            "https://europe-west1-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west1/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        ),
        (
            42,
            google,
            &[],
            Chat,
            "claude-sonnet-4@1",
            true,
            "https://europe-west1-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west1/publishers/anthropic/models/claude-sonnet-4%401:streamRawPredict",
        ),
        (
            42,
            r#"{"project_id":"q"}"#,
            &[],
            Chat,
            "gemini-x",
            false,
            "https://aiplatform.googleapis.com/v1/projects/q/locations/global/publishers/google/models/gemini-x:generateContent",
        ),
        (
            24,
            "k",
            &[],
            Embeddings,
            "gemini-embedding-001",
            false,
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:batchEmbedContents",
        ),
    ] {
        assert_eq!(address(kind, key, config, endpoint, model, stream), expected);
    }
    let mut tgi = channel(52, "http://tgi:80");
    tgi.key = Secret::new("");
    assert_eq!(shown(&way(&tgi, Chat, "tgi", "/v1/x", true).unwrap()), "http://tgi/generate_stream");
}

#[test]
fn keys_of_several_parts_are_read_and_never_shown() {
    let with = |kind: u16, key: &str| {
        let mut channel = channel(kind, "");
        channel.key = Secret::new(key);
        channel
    };
    let keys = aws(&with(33, "AKIA|sec/ret|us-west-2")).unwrap();
    assert_eq!(keys.region, "us-west-2");
    assert!(matches!(&keys.proof, Proof::Keys { access, secret, session: None }
        if access == "AKIA" && secret.expose() == "sec/ret"));
    assert!(matches!(aws(&with(33, "ABSK")).unwrap().proof, Proof::Bearer(_)));
    let pair = pair(&with(23, "app | id | secret")).unwrap();
    assert_eq!((pair.app.as_deref(), pair.id.as_str(), pair.secret.expose()), (Some("app"), "id", "secret"));
    for (kind, key) in [(33, ""), (33, "a|b|x.evil.com/"), (23, "one"), (42, ""), (42, "r|p"), (15, "a|")] {
        assert!(way(&with(kind, key), Endpoint::Chat, "m", "/v1", false).is_err(), "{kind} {key}");
    }
}

#[test]
fn bad_base_urls_are_refused() {
    for url in [
        "",
        "api.openai.com",
        "ftp://h",
        "https://",
        "https://u:p@h",
        "https://h:0",
        "https://h:99999",
        "https://h h",
        "https://[::1",
        "http://::1",
        "https://h\"",
    ] {
        assert!(base(url).is_err(), "{url}");
    }
    assert_eq!(
        base("http://[::1]:8080/x/").unwrap(),
        Base { tls: false, host: "[::1]".into(), port: 8080, path: "/x".into() }
    );
}

#[test]
fn models_have_owners() {
    assert_eq!(owned_by("gpt-4o"), "openai");
    assert_eq!(owned_by("my-own"), "custom");
    assert!(model_list(1).iter().any(|model| model == "gpt-4o"));
}
