//! What a node of a fleet is told: which kind it is, and where Redis is.

use super::Env;
use super::reader::Node;
use magic_domain::secret::Secret;
use magic_store::{Redis, RedisAt};

/// Whether this node follows the others: `NODE_TYPE` wins over `server.node_type`.
pub(super) fn follower(server: &Node<'_>, env: Env<'_>) -> bool {
    let walked = server.text("node_type");
    let text = env("NODE_TYPE").filter(|text| !text.is_empty()).or(walked);
    match text.as_deref().map(str::trim) {
        None | Some("master") => false,
        Some("slave") => true,
        Some(_) => {
            server.fault("node_type", "must be \"master\" or \"slave\" (NODE_TYPE)");
            false
        }
    }
}

/// Where a follower sends browsers; masters ignore it.
pub(super) fn frontend(server: &Node<'_>, env: Env<'_>, follower: bool) -> Option<String> {
    let walked = server.text("frontend_base_url");
    let text = env("FRONTEND_BASE_URL").or(walked).filter(|text| !text.trim().is_empty())?;
    let text = text.trim().trim_end_matches('/').to_owned();
    if !(text.starts_with("http://") || text.starts_with("https://")) || text.contains(char::is_whitespace) {
        server.fault("frontend_base_url", "must be a URL (https://magic.example.com)");
        return None;
    }
    if !follower {
        log::info!(
            "FRONTEND_BASE_URL has no effect: this node is a master and answers with the dashboard itself"
        );
    }
    follower.then_some(text)
}

pub(super) fn redis(redis: &Node<'_>, env: Env<'_>) -> Option<Redis> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let either = |name: &str, key: &str| {
        let walked = redis.text(key).filter(|text| !text.is_empty());
        set(name).or(walked)
    };
    let url = either("REDIS_CONN_STRING", "url");
    let master = either("REDIS_MASTER_NAME", "master_name");
    let password = either("REDIS_PASSWORD", "password").map(Secret::new);
    let sentinel_password = either("REDIS_SENTINEL_PASSWORD", "sentinel_password").map(Secret::new);
    let ca = either("REDIS_CA_FILE", "ca").and_then(|file| match std::fs::read(&file) {
        Ok(text) if text.windows(10).any(|part| part == b"-----BEGIN") => Some(text),
        Ok(_) => {
            redis.fault("ca", format!("{file} holds no certificate (PEM)"));
            None
        }
        Err(error) => {
            redis.fault("ca", format!("{file} can't be read: {error}"));
            None
        }
    });
    redis.only(&["url", "master_name", "password", "sentinel_password", "ca"]);
    let url = match (url, &master) {
        (Some(url), _) => url,
        (None, None) => return None,
        (None, Some(_)) => {
            redis
                .fault("url", "must name the sentinels (host:26379,host:26379) where there is a master_name");
            return None;
        }
    };
    let Some(master) = master else {
        if !(url.starts_with("redis://") || url.starts_with("rediss://")) {
            redis.fault(
                "url",
                "must be a redis:// or rediss:// URL, or with a master_name the sentinels' addresses",
            );
            return None;
        }
        return Some(Redis { at: RedisAt::Server(Secret::new(url)), ca });
    };
    let tls = url.trim_start().starts_with("rediss://");
    let mut addresses = Vec::new();
    for part in magic_store::split_list(&url) {
        let bare = part.strip_prefix("rediss://").or_else(|| part.strip_prefix("redis://")).unwrap_or(&part);
        let address = bare.trim_end_matches('/');
        let port = address.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        if address.is_empty() || address.contains(['@', '/']) || matches!(port, Some(Err(_))) {
            redis.fault(
                "url",
                "must be the sentinels' addresses (host:26379,host:26379); passwords have keys of their own",
            );
            return None;
        }
        addresses.push(address.to_owned());
    }
    let at = RedisAt::Sentinels { addresses, master, password, sentinel_password, tls };
    Some(Redis { at, ca })
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, load};
    use crate::cli::Common;
    use magic_store::RedisAt;

    fn settings(file: &str, env: &[(&str, &str)]) -> Result<Settings, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("magic.toml");
        std::fs::write(&path, file).unwrap();
        let common = Common { config: Some(path), ..Common::default() };
        let read =
            |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        load(&common, &read).map_err(|faults| faults.to_string())
    }

    #[test]
    fn sentinels_are_named_as_in_one_api() {
        let env = [
            ("REDIS_CONN_STRING", "10.0.0.1:26379, 10.0.0.2:26379"),
            ("REDIS_MASTER_NAME", "mymaster"),
            ("REDIS_PASSWORD", "p-1"),
        ];
        let settings = settings("", &env).unwrap();
        assert!(!format!("{settings:?}").contains("p-1"));
        let Some(RedisAt::Sentinels { addresses, master, password, tls, .. }) = settings.redis.map(|r| r.at)
        else {
            panic!("no sentinels")
        };
        assert_eq!(addresses, ["10.0.0.1:26379", "10.0.0.2:26379"]);
        assert_eq!((master.as_str(), password.unwrap().expose(), tls), ("mymaster", "p-1", false));
    }

    #[test]
    fn what_can_not_be_is_told() {
        let told = |file: &str, env: &[(&str, &str)]| settings(file, env).unwrap_err();
        assert!(told("[redis]\nmaster_name = \"m\"", &[]).contains("must name the sentinels"));
        assert!(told("", &[("REDIS_CONN_STRING", "host:6379")]).contains("redis:// or rediss://"));
        assert!(told("[redis]\nurl = \"redis://h\"\nca = \"/none\"", &[]).contains("can't be read"));
        assert!(told("[redis]\nurls = \"redis://h\"", &[]).contains("did you mean"));
        assert!(told("[server]\nnode_type = \"slaves\"", &[]).contains("\"master\" or \"slave\""));
        assert!(told("[server]\nfrontend_base_url = \"magic\"", &[]).contains("must be a URL"));
        let sentinel = [("REDIS_MASTER_NAME", "m"), ("REDIS_CONN_STRING", "redis://:p@h:1")];
        assert!(told("", &sentinel).contains("keys of their own"));
    }

    #[test]
    fn a_follower_sends_browsers_away_and_a_master_does_not() {
        let env = [("NODE_TYPE", "slave"), ("FRONTEND_BASE_URL", "https://m.example.com/")];
        let slave = settings("", &env).unwrap();
        assert_eq!((slave.follower, slave.frontend.as_deref()), (true, Some("https://m.example.com")));
        let master = settings("[server]\nnode_type = \"slave\"", &[("NODE_TYPE", "master"), env[1]]).unwrap();
        assert_eq!((master.follower, master.frontend), (false, None));
    }
}
