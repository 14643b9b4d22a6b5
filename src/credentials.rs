//! Credentials that are made for each call, or fetched and kept for a while: signatures of AWS and Tencent,
//! Zhipu's tokens, access tokens of Google and Baidu.

mod baidu;
mod google;
mod kept;

use crate::gateway::Gateway;
use kept::Kept;
use magic_domain::channel::Channel;
use magic_wire::peek::Rope;
use magic_wire::sign::{sigv4, tc3, zhipu};
use magic_wire::vendors::{Aws, Proof, Signing, Target};

/// Seconds that a token made of Zhipu's key is good for: longer than any call waits to be sent.
const ZHIPU_LIVES: u32 = 3600;

/// What a call brings besides the fixed part of its head.
#[derive(Clone, Default)]
pub struct Signed {
    pub headers: Vec<(String, String)>,
    /// The address with a token in it, where the vendor wants it there.
    pub path_and_query: Option<String>,
}

/// Access tokens of all channels, one fetch at a time for each account.
#[derive(Default)]
pub struct Tokens(Kept);

/// Signs a call, fetching a token first where none is at hand. Errors hold no secret.
pub async fn sign(
    gateway: &Gateway,
    channel: &Channel,
    target: &Target,
    body: &Rope,
) -> Result<Signed, String> {
    match &target.signing {
        Signing::None => Ok(Signed::default()),
        Signing::Aws(aws) => Ok(amazon(aws, target, body)),
        Signing::Tencent(pair) => {
            let set = |name: &str| target.headers.iter().find(|(own, _)| own == name).map_or("", |(_, v)| v);
            let post = tc3::Post {
                host: &target.host_header,
                service: "hunyuan",
                action: set("x-tc-action"),
                version: set("x-tc-version"),
                content_type: "application/json",
                body: &body.concat(),
            };
            let whose = tc3::Credentials { secret_id: &pair.id, secret_key: pair.secret.expose() };
            Ok(signed(tc3::sign(&post, &whose, crate::clock::seconds())))
        }
        Signing::Zhipu => {
            let token = zhipu::token(channel.key.expose(), crate::clock::seconds(), ZHIPU_LIVES);
            Ok(bearer(token.as_deref().unwrap_or(channel.key.expose())))
        }
        Signing::Google(google) => {
            let token =
                gateway.tokens.0.get(google.credential.expose(), || google::fetch(gateway, channel, google));
            Ok(bearer(&token.await?))
        }
        Signing::Baidu(pair) => {
            let token =
                gateway.tokens.0.get(channel.key.expose(), || baidu::fetch(gateway, channel, pair)).await?;
            let glue = if target.path_and_query.contains('?') { '&' } else { '?' };
            let path = format!("{}{glue}access_token={token}", target.path_and_query);
            Ok(Signed { path_and_query: Some(path), ..Signed::default() })
        }
    }
}

fn bearer(token: &str) -> Signed {
    let headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
    Signed { headers, path_and_query: None }
}

fn amazon(aws: &Aws, target: &Target, body: &Rope) -> Signed {
    let Proof::Keys { access, secret, session } = &aws.proof else { return Signed::default() };
    let path = target.path_and_query.split('?').next().unwrap_or("/");
    let post = sigv4::Post {
        host: &target.host_header,
        path,
        region: &aws.region,
        service: "bedrock",
        content_type: Some("application/json"),
        body: &body.concat(),
    };
    let token = session.as_ref().map(|session| session.expose());
    let whose = sigv4::Credentials { access_key: access, secret: secret.expose(), token };
    signed(sigv4::sign(&post, &whose, crate::clock::seconds()))
}

fn signed(headers: Vec<(&'static str, String)>) -> Signed {
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Signed { headers, path_and_query: None }
}
