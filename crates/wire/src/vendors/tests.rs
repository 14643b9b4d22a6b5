use super::*;
use magic_domain::channel::{ChannelStatus, Limits, Timeouts};
use magic_domain::ids::ChannelId;
use magic_domain::secret::Secret;

fn channel(kind: u16, base_url: &str) -> Channel {
    Channel {
        id: ChannelId(1),
        kind,
        name: String::new(),
        status: ChannelStatus::Enabled,
        key: Secret::new("K"),
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

fn url(kind: u16, base: &str, endpoint: Endpoint, path: &str) -> String {
    let target = target(&channel(kind, base), endpoint, "gpt-4.1", path, false).unwrap();
    let scheme = if target.tls { "https" } else { "http" };
    format!("{scheme}://{}{}", target.host_header, target.path_and_query)
}

#[test]
fn numbers_are_sorted_and_unique() {
    assert!(VENDORS.windows(2).all(|pair| pair[0].kind < pair[1].kind));
    assert_eq!(VENDORS.len(), 62);
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
        target(&channel(kind, "https://h"), Endpoint::Chat, "m", "/v1/chat/completions", false)
            .unwrap()
            .headers
    };
    assert_eq!(headers(1), [("authorization".to_owned(), "Bearer K".to_owned())]);
    assert_eq!(headers(3), [("api-key".to_owned(), "K".to_owned())]);
    let shown = format!("{:?}", target(&channel(1, "https://h"), Endpoint::Chat, "m", "/v1", false).unwrap());
    assert!(!shown.contains('K'));
}

#[test]
fn what_is_not_spoken_yet_serves_nothing() {
    for endpoint in Endpoint::ALL {
        assert!(!serves(17, *endpoint));
    }
    assert!(serves(1, Endpoint::Chat) && serves(41, Endpoint::Chat) && !serves(41, Endpoint::Embeddings));
    assert!(target(&channel(17, ""), Endpoint::Chat, "m", "/v1/chat/completions", false).is_err());
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
