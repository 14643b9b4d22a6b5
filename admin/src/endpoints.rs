//! Addresses of services outside that everybody shares; installations behind a mirror, and tests, set their own.

/// URLs, as in the environment or as the services publish them.
#[derive(Debug, Clone)]
pub struct Endpoints {
    pub github_token: String,
    /// The list of addresses is at this URL with `/emails` behind it.
    pub github_user: String,
    pub lark_token: String,
    pub lark_userinfo: String,
    /// Where Cloudflare verifies a Turnstile answer.
    pub turnstile: String,
    /// What `/v1/checkout/sessions` is put behind.
    pub stripe: String,
}

impl Endpoints {
    /// Reads `GITHUB_TOKEN_URL`, `GITHUB_USER_URL`, `LARK_TOKEN_URL`, `LARK_USERINFO_URL`,
    /// `TURNSTILE_VERIFY_URL` and `STRIPE_API_URL`; unset or empty: the service's own.
    pub fn from_env(get: &dyn Fn(&str) -> Option<String>) -> Endpoints {
        let url =
            |name: &str, own: &str| get(name).filter(|url| !url.is_empty()).unwrap_or_else(|| own.to_owned());
        Endpoints {
            github_token: url("GITHUB_TOKEN_URL", "https://github.com/login/oauth/access_token"),
            github_user: url("GITHUB_USER_URL", "https://api.github.com/user"),
            lark_token: url("LARK_TOKEN_URL", "https://open.feishu.cn/open-apis/authen/v2/oauth/token"),
            lark_userinfo: url(
                "LARK_USERINFO_URL",
                "https://passport.feishu.cn/suite/passport/oauth/userinfo",
            ),
            turnstile: url(
                "TURNSTILE_VERIFY_URL",
                "https://challenges.cloudflare.com/turnstile/v0/siteverify",
            ),
            stripe: url("STRIPE_API_URL", "https://api.stripe.com"),
        }
    }
}
