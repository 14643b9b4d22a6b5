//! OpenID Connect. With a well-known URL the id token is validated: issuer, audience, signature, expiry, and
//! the nonce when the flow has one. With bare endpoints the token endpoint's access token is shown to the
//! userinfo endpoint instead.

use crate::error::{Result, forbidden};
use crate::provider::{exchange, failed, get_as, needed, redirect_uri, refused, text};
use crate::{Deps, Live, Outward};
use magic_domain::options::Options;
use magic_store::signin::{Begun, Identity, Pending, Provider};
use openidconnect::core::{CoreClient, CoreClientAuthMethod, CoreJwsSigningAlgorithm, CoreProviderMetadata};
use openidconnect::url::{Url, form_urlencoded};
use openidconnect::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, DiscoveryError, HttpRequest, HttpResponse,
    IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, TokenResponse,
    http,
};
use std::sync::Arc;

const ME: Provider = Provider::Oidc;
const WELL_KNOWN: &str = "/.well-known/openid-configuration";
const SCOPES: [&str; 2] = ["profile", "email"];

/// Signatures that need no secret of ours, by keys the provider publishes; never `none`.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// The proxy's way out, as the protocol's library wants it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Broken(String);

async fn send(live: Arc<dyn Live>, request: HttpRequest) -> std::result::Result<HttpResponse, Broken> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers.iter().filter_map(|(name, value)| {
        value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()))
    });
    let call = Outward {
        method: if parts.method == http::Method::POST { "POST" } else { "GET" },
        url: parts.uri.to_string(),
        headers: headers.collect(),
        body,
    };
    let answer = live.outward(call).await.map_err(Broken)?;
    let response = http::Response::builder().status(answer.status).body(answer.body);
    response.map_err(|error| Broken(error.to_string()))
}

async fn discover(deps: &Deps, well_known: &str) -> Result<CoreProviderMetadata> {
    let base = well_known.trim_end_matches('/').trim_end_matches(WELL_KNOWN).trim_end_matches('/');
    let live = deps.live.clone();
    let client = move |request| send(live.clone(), request);
    // The issuer's name has a slash at its end with some providers, and must be met exactly.
    for issuer in [base.to_owned(), format!("{base}/")] {
        let url = IssuerUrl::new(issuer).map_err(|_| forbidden("OidcWellKnown is not a URL"))?;
        match CoreProviderMetadata::discover_async(url, &client).await {
            Ok(metadata) => return Ok(metadata),
            Err(DiscoveryError::Validation(_)) => {}
            Err(error) => return Err(failed(ME, &format!("discovery: {error}"))),
        }
    }
    Err(failed(ME, "discovery: the document names another issuer"))
}

fn enabled(options: &Options) -> Result<()> {
    match options.bool("OidcEnabled") {
        true => Ok(()),
        false => Err(forbidden("signing in with OIDC is switched off")),
    }
}

/// The URL that the browser goes to: with state, nonce and an S256 challenge.
pub async fn authorization_url(deps: &Deps, options: &Options, begun: &Begun) -> Result<String> {
    enabled(options)?;
    let client_id = needed(options, "OidcClientId")?;
    let endpoint = match options.text("OidcWellKnown") {
        "" => needed(options, "OidcAuthorizationEndpoint")?,
        well_known => discover(deps, well_known).await?.authorization_endpoint().as_str().to_owned(),
    };
    let mut url = Url::parse(&endpoint).map_err(|_| failed(ME, "the authorization endpoint is no URL"))?;
    let verifier = PkceCodeVerifier::new(begun.verifier.expose().to_owned());
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &client_id)
        .append_pair("redirect_uri", &redirect_uri(options, ME))
        .append_pair("scope", &format!("openid {}", SCOPES.join(" ")))
        .append_pair("state", begun.state.expose())
        .append_pair("nonce", &begun.nonce)
        .append_pair("code_challenge", challenge.as_str())
        .append_pair("code_challenge_method", "S256");
    Ok(url.into())
}

/// Exchanges a code for an identity.
pub async fn identity(deps: &Deps, options: &Options, code: &str, flow: &Pending) -> Result<Identity> {
    enabled(options)?;
    match options.text("OidcWellKnown") {
        "" => by_userinfo(deps, options, code, flow).await,
        well_known => by_id_token(deps, options, well_known, code, flow).await,
    }
}

async fn by_id_token(
    deps: &Deps,
    options: &Options,
    well_known: &str,
    code: &str,
    flow: &Pending,
) -> Result<Identity> {
    let client_id = needed(options, "OidcClientId")?;
    let metadata = discover(deps, well_known).await?;
    // Basic is what a provider that says nothing takes.
    let in_body = metadata.token_endpoint_auth_methods_supported().is_some_and(|methods| {
        !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
            && methods.contains(&CoreClientAuthMethod::ClientSecretPost)
    });
    let redirect = RedirectUrl::new(redirect_uri(options, ME))
        .map_err(|_| forbidden("ServerAddress is not a URL: signing in needs one"))?;
    let secret = options.text("OidcClientSecret");
    let secret = (!secret.is_empty()).then(|| ClientSecret::new(secret.to_owned()));
    let client = CoreClient::from_provider_metadata(metadata, ClientId::new(client_id), secret)
        .set_auth_type(if in_body { AuthType::RequestBody } else { AuthType::BasicAuth })
        .set_redirect_uri(redirect);
    let mut request = client
        .exchange_code(AuthorizationCode::new(code.to_owned()))
        .map_err(|_| failed(ME, "the provider has no token endpoint"))?;
    if !flow.verifier.is_empty() {
        request = request.set_pkce_verifier(PkceCodeVerifier::new(flow.verifier.expose().to_owned()));
    }
    let live = deps.live.clone();
    let out = move |request| send(live.clone(), request);
    let answer = request.request_async(&out).await.map_err(|error| match error {
        RequestTokenError::ServerResponse(answer) => refused(ME, answer.error().as_ref()),
        RequestTokenError::Request(error) => failed(ME, &error.to_string()),
        // The body that can't be parsed may hold a token: it is not logged.
        _ => failed(ME, "the token endpoint's answer can't be read"),
    })?;
    let token = answer.id_token().ok_or_else(|| failed(ME, "the provider gave no id token"))?;
    let expected = flow.nonce.clone();
    let nonce = move |shown: Option<&Nonce>| match shown {
        _ if expected.is_empty() => Ok(()),
        Some(shown) if *shown.secret() == expected => Ok(()),
        _ => Err("the nonce is not ours".to_owned()),
    };
    let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
    let claims = token.claims(&verifier, nonce).map_err(|error| refused(ME, &error.to_string()))?;
    let verified = claims.email_verified() == Some(true);
    let name = claims.name().and_then(|names| names.get(None)).map(|name| name.as_str().to_owned());
    Ok(Identity {
        provider: ME,
        id: claims.subject().as_str().to_owned(),
        former: None,
        username: claims.preferred_username().map(|name| name.as_str().to_owned()),
        display_name: name.filter(|name| !name.is_empty()).unwrap_or_else(|| "OIDC User".into()),
        email: claims.email().filter(|_| verified).map(|email| email.as_str().to_owned()),
    })
}

async fn by_userinfo(deps: &Deps, options: &Options, code: &str, flow: &Pending) -> Result<Identity> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", &redirect_uri(options, ME))
        .append_pair("client_id", &needed(options, "OidcClientId")?)
        .append_pair("client_secret", options.text("OidcClientSecret"));
    if !flow.verifier.is_empty() {
        form.append_pair("code_verifier", flow.verifier.expose());
    }
    let call = Outward {
        method: "POST",
        url: needed(options, "OidcTokenEndpoint")?,
        headers: vec![
            ("content-type".into(), "application/x-www-form-urlencoded".into()),
            ("accept".into(), "application/json".into()),
        ],
        body: form.finish().into_bytes(),
    };
    let (_, answer) = exchange(deps, ME, call).await?;
    let url = needed(options, "OidcUserinfoEndpoint")?;
    let user = get_as(deps, ME, &url, text(&answer, "access_token")).await?;
    let optional = |key: &str| Some(text(&user, key).to_owned()).filter(|text| !text.is_empty());
    Ok(Identity {
        provider: ME,
        id: text(&user, "sub").to_owned(),
        former: None,
        username: optional("preferred_username"),
        display_name: optional("name").unwrap_or_else(|| "OIDC User".into()),
        email: optional("email").filter(|_| user["email_verified"] == true),
    })
}
