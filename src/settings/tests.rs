use super::*;

fn load_text(text: &str) -> Result<Settings, Faults> {
    load_env(text, &[])
}

fn load_env(text: &str, env: &[(&str, &str)]) -> Result<Settings, Faults> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("magic.toml");
    std::fs::write(&file, text).unwrap();
    let common = Common { config: Some(file), ..Common::default() };
    load(&common, &|name| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
}

fn faults(text: &str) -> Vec<String> {
    let faults = load_text(text).unwrap_err().0;
    faults.into_iter().map(|fault| fault.split_once("magic.toml:").unwrap().1.to_owned()).collect()
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let settings = load_text("").unwrap();
    assert_eq!(settings.listen[0].address.port(), 3000);
    assert_eq!(settings.dsn, Dsn::Sqlite("data/magic.db".into()));
}

#[test]
fn every_fault_is_told_with_its_line() {
    let text = "[server]\nlisten = [\"nowhere\"]\nthreds = 2\n\n[[channels]]\nname = \"a\"\ntype = \"opnai\"\nbase_ur = \"x\"\nmodels = [\"m\"]\nkey = \"${NO_SUCH_KEY}\"\n\n[options]\nRetryTimes = \"x\"\nSystemNam = \"y\"\n";
    assert_eq!(
        faults(text),
        [
            "2: server.listen: \"nowhere\" is no address (0.0.0.0:3000)",
            "3: server.threds: unknown key, did you mean threads?",
            "7: channels[0].type: there is no channel type \"opnai\", did you mean \"OpenAI\"?",
            "8: channels[0].base_ur: unknown key, did you mean base_url?",
            "10: channels[0].key: the environment variable NO_SUCH_KEY is not set",
            "13: options.RetryTimes: RetryTimes must be a whole number of at least 0",
            "14: options.SystemNam: unknown option, did you mean SystemName?",
        ]
    );
}

#[test]
fn bad_syntax_has_its_line() {
    assert!(faults("[server]\nthreads = = 2\n")[0].starts_with("2: "));
}

#[test]
fn references_and_doubles_are_checked() {
    let text = "[[users]]\nname = \"a\"\n[[users]]\nname = \"a\"\n[[tokens]]\nuser = \"nobody\"\nkey = \"sk-12345678\"\nsubnets = [\"x\"]\n[[channels]]\nname=\"c\"\ntype=8\nmodels=[\"m\"]\nbase_url=\"http://169.254.169.254/\"\n[[promts]]\nid = \"x\"\n";
    let found = faults(text).join("\n");
    for wanted in [
        "declared twice",
        "is no user of this file",
        "is no network",
        "metadata or link-local",
        "promts: unknown key, did you mean prompts?",
    ] {
        assert!(found.contains(wanted), "{wanted} in {found}");
    }
}

#[test]
fn the_environment_is_expanded() {
    let text = "[[channels]]\nname=\"c\"\ntype=1\nmodels=[\"m\"]\nkey=\"${A}-${B:-b}-$${C}\"\n";
    let settings = load_env(text, &[("A", "a")]).unwrap();
    assert_eq!(settings.owned.channels[0].channel.key.expose(), "a-b-${C}");
}

#[test]
fn flags_beat_environment_beats_file() {
    let text = "[server]\nlisten=[\"127.0.0.1:1000\"]\n[database]\ndsn=\"sqlite:file.db\"\n";
    assert_eq!(load_text(text).unwrap().listen[0].address.port(), 1000);
    let env = [("PORT", "2000"), ("SQL_DSN", "postgres://u@h/d")];
    let settings = load_env(text, &env).unwrap();
    assert_eq!((settings.listen[0].address.port(), settings.dsn.engine()), (2000, "postgres"));
    let common = Common { port: Some(3001), ..Common::default() };
    let settings = load(&common, &|name| (name == "PORT").then(|| "2000".to_owned())).unwrap();
    assert_eq!(settings.listen[0].address.port(), 3001);
}

#[test]
fn prices_are_dollars_per_million() {
    let text = "[[models]]\nname=\"m\"\naliases=[\"n\"]\ninput=0.15\noutput=0.6\nper_image=0.04\ntiers=[{above_input=1000, input=0.3}]\n[[models]]\nname=\"r\"\nratio=1\ncompletion_ratio=2\n";
    let models = load_text(text).unwrap().owned.models;
    use magic_domain::usage::Bucket;
    assert_eq!(models["n"].rates.rate(Bucket::Input), 150_000_000);
    assert_eq!(models["m"].rates.rate(Bucket::Image), 40_000_000_000_000);
    assert_eq!(models["m"].tiers[0].rates.rate(Bucket::Input), 300_000_000);
    assert_eq!(models["r"].rates.rate(Bucket::Output), 4_000_000_000);
}

#[test]
fn secrets_are_not_shown() {
    let text = "[security]\ninitial_root_password=\"hunter2hunter2\"\n[database]\ndsn=\"postgres://u:hunter2@h/d\"\n[[channels]]\nname=\"c\"\ntype=1\nmodels=[\"m\"]\nkey=\"sk-hunter2\"\n[[users]]\nname=\"u\"\npassword=\"hunter2hunter2\"\n";
    assert!(!format!("{:?}", load_text(text).unwrap()).contains("hunter2"));
}

#[test]
fn sites_are_read_and_their_faults_told() {
    use crate::sites::conf::{Balance, Kind};
    let text = "[server]\ncompression = false\n[[server.sites]]\nhosts=[\"A.example\"]\npath=\"/docs/\"\nroot=\"/\"\nimmutable=[\"/assets/\"]\n\
        [[server.sites]]\nupstreams=[\"http://127.0.0.1:80\",\"https://b:8443\"]\nbalance=\"least_connections\"\nheaders={ x-a = \"b\" }\n\
        [[server.sites]]\nhosts=[\"*.old\"]\nredirect=\"https://new\"\n";
    let settings = load_text(text).unwrap();
    assert!(!settings.tuning.compression.on);
    let [files, servers, redirect] = settings.sites.as_slice() else { unreachable!() };
    assert_eq!((files.hosts[0].as_str(), files.path.as_str()), ("a.example", "/docs"));
    assert!(
        matches!(&files.kind, Kind::Files(files) if files.immutable == ["assets"] && files.index == "index.html")
    );
    let Kind::Servers(conf) = &servers.kind else { unreachable!() };
    assert_eq!((conf.balance, conf.servers[1].authority().as_str()), (Balance::LeastConnections, "b:8443"));
    assert_eq!(conf.servers[0].authority(), "127.0.0.1");
    assert_eq!(redirect.kind, Kind::Redirect { to: "https://new".into(), status: 308 });

    let bad = "[[server.sites]]\nroot=\"/nowhere/at/all\"\nfalback=\"x\"\n[[server.sites]]\nhosts=[\"a b\"]\npath=\"docs\"\nupstreams=[\"ftp://x\"]\n\
        [[server.sites]]\nroot=\"/\"\nredirect=\"https://x\"\n[[server.sites]]\npath=\"/x\"\n[[server.sites]]\nupstreams=[\"http://a/b\"]\nheaders={ connection = \"x\" }\n\
        [[server.sites]]\nhosts=[\"h\"]\nredirect=\"x\"\nstatus=303\n[[server.sites]]\nhosts=[\"h\"]\nroot=\"/\"\nfallback=\"../x\"\n";
    let found = faults(bad).join("\n");
    for wanted in [
        "server.sites[0].root: /nowhere/at/all is no folder",
        "server.sites[0].falback: unknown key, did you mean fallback?",
        "server.sites[1].hosts: \"a b\" is no host name",
        "server.sites[1].path: must begin with a slash",
        "\"ftp://x\" is no server",
        "server.sites[2].redirect: a site is one of",
        "server.sites[3].root: a site needs one of",
        "has a path",
        "connection can't be set",
        "must be an http:// or https:// address",
        "must be 301, 302, 307 or 308",
        "server.sites[6].fallback: must be the name of a file",
        "server.sites[6].hosts: another site has the same host and path",
    ] {
        assert!(found.contains(wanted), "{wanted} in {found}");
    }
}

#[test]
fn the_example_shows_the_defaults() {
    let text = include_str!("../../config/magic.example.toml");
    let example = load_text(text).unwrap();
    let mut default = load_text("").unwrap();
    default.file.clone_from(&example.file);
    default.threads = example.threads;
    assert_eq!(format!("{default:?}"), format!("{example:?}"));
}

#[test]
fn prompts_are_read_and_their_faults_told() {
    let text = r#"
[[prompts]]
name = "p"
labels = { prod = 1, canary = [{ version = 1, percent = 90 }, { version = 4, percent = 10 }] }
[[prompts.versions]]
model = "m"
messages = [{ role = "user", content = "{{a}} costs $${PRICE}" }]
parameters = { temperature = 0.5 }
variables = '{"properties": {"a": {"enum": [null, "x"]}}}'
[[prompts.versions]]
version = 4
messages = [{ role = "user", content = "${NAME}" }]
"#;
    let prompt = load_env(text, &[("NAME", "from outside")]).unwrap().owned.prompts.remove(0);
    assert_eq!(prompt.versions.iter().map(|version| version.version).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(prompt.versions[0].spec.messages[0].content, "{{a}} costs ${PRICE}");
    assert_eq!(
        prompt.versions[0].spec.variables.as_ref().unwrap()["properties"]["a"]["enum"][0],
        serde_json::Value::Null
    );
    assert_eq!(prompt.versions[1].spec.messages[0].content, "from outside");
    let found = faults(
        r#"
[[prompts]]
name = "P"
[[prompts.versions]]
messages = [{ role = "user", content = "x" }]
[[prompts]]
name = "q"
labels = { prod = 2 }
[[prompts.versions]]
mesages = []
messages = [{ role = "robot", content = "{{" }]
parameters = { temperature = "hot" }
"#,
    );
    for wanted in [
        "3: prompts[0].name: \"P\" is no name",
        "10: prompts[1].versions[0].mesages: unknown key, did you mean messages?",
        "11: prompts[1].versions[0].messages[0].role: must be system",
        "is no variable",
    ] {
        assert!(found.iter().any(|fault| fault.contains(wanted)), "{wanted} in {found:?}");
    }
}

#[test]
fn telemetry_stands_above_the_standard_variables() {
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20hunter2, x-a = b"),
        ("OTEL_SERVICE_NAME", "theirs"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
    ];
    let theirs = load_env("", &env).unwrap().telemetry;
    assert_eq!(theirs.endpoint.as_deref(), Some("http://collector:4318/v1/traces"));
    let headers: Vec<_> =
        theirs.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(headers, [("authorization", "Bearer hunter2"), ("x-a", "b")]);
    assert_eq!((theirs.service.as_str(), theirs.ratio), ("theirs", 0.25));
    assert!(!format!("{theirs:?}").contains("hunter2"));
    let text = "[telemetry]\notlp_endpoint = \"https://ours/v1/traces\"\nsample_ratio = 0.5\nservice_name = \"ours\"\notlp_headers = {}\n";
    let ours = load_env(text, &env).unwrap().telemetry;
    assert_eq!(ours.endpoint.as_deref(), Some("https://ours/v1/traces"));
    assert_eq!((ours.service.as_str(), ours.ratio, ours.headers.len()), ("ours", 0.5, 0));
    let off = load_env("", &[env[0], ("OTEL_SDK_DISABLED", "true")]).unwrap().telemetry;
    assert_eq!(off.endpoint, None);
}

#[test]
fn faults_of_those_who_watch_are_told() {
    let text = "[server]\nlog_format = \"xml\"\nlog_max_byte = 1\n[telemetry]\notlp_endpoint = \"collector\"\nsample_ratio = 2\nsampleratio = 1\n[telemetry.otlp_headers]\n\"a b\" = \"c\"\n";
    let found = faults(text).join("\n");
    for wanted in [
        "server.log_format: must be \"text\" or \"json\"",
        "server.log_max_byte: unknown key, did you mean log_max_bytes?",
        "telemetry.otlp_endpoint: the base URL must be http:// or https:// with a host (http://127.0.0.1:4318)",
        "telemetry.sample_ratio: must be between 0 and 1",
        "telemetry.sampleratio: unknown key, did you mean sample_ratio?",
        "telemetry.otlp_headers: \"a b\" is no header",
    ] {
        assert!(found.contains(wanted), "{wanted} in {found}");
    }
}
