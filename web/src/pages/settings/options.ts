// The options of an installation: in which section each stands, and of what kind it is.
export type Kind = 'switch' | 'number' | 'money' | 'text' | 'long' | 'json' | 'secret'

export const SECTIONS = {
  general: [
    ['SystemName', 'text'],
    ['ServerAddress', 'text'],
    ['Notice', 'long'],
    ['MessagePusherAddress', 'text'],
    ['MessagePusherToken', 'secret'],
  ],
  appearance: [
    ['Logo', 'text'],
    ['HomePageContent', 'long'],
    ['About', 'long'],
    ['Footer', 'long'],
    ['CatalogueEnabled', 'switch'],
    ['StatusPageEnabled', 'switch'],
    ['ChatLink', 'text'],
    ['Theme', 'text'],
  ],
  signin: [
    ['PasswordLoginEnabled', 'switch'],
    ['RegisterEnabled', 'switch'],
    ['PasswordRegisterEnabled', 'switch'],
    ['EmailVerificationEnabled', 'switch'],
    ['EmailDomainRestrictionEnabled', 'switch'],
    ['EmailDomainWhitelist', 'text'],
    ['GitHubOAuthEnabled', 'switch'],
    ['GitHubClientId', 'text'],
    ['GitHubClientSecret', 'secret'],
    ['OidcEnabled', 'switch'],
    ['OidcClientId', 'text'],
    ['OidcClientSecret', 'secret'],
    ['OidcWellKnown', 'text'],
    ['OidcAuthorizationEndpoint', 'text'],
    ['OidcTokenEndpoint', 'text'],
    ['OidcUserinfoEndpoint', 'text'],
    ['LarkClientId', 'text'],
    ['LarkClientSecret', 'secret'],
    ['WeChatAuthEnabled', 'switch'],
    ['WeChatServerAddress', 'text'],
    ['WeChatServerToken', 'secret'],
    ['WeChatAccountQRCodeImageURL', 'text'],
    ['TurnstileCheckEnabled', 'switch'],
    ['TurnstileSiteKey', 'text'],
    ['TurnstileSecretKey', 'secret'],
  ],
  mail: [
    ['SMTPServer', 'text'],
    ['SMTPPort', 'number'],
    ['SMTPAccount', 'text'],
    ['SMTPFrom', 'text'],
    ['SMTPToken', 'secret'],
  ],
  payments: [
    ['TopUpLink', 'text'],
    ['PayMinUsd', 'number'],
    ['PayMaxUsd', 'number'],
    ['StripeSecretKey', 'secret'],
    ['StripeWebhookSecret', 'secret'],
    ['StripeCurrency', 'text'],
    ['StripePrice', 'number'],
    ['EpayAddress', 'text'],
    ['EpayId', 'text'],
    ['EpayKey', 'secret'],
    ['EpayMethods', 'text'],
    ['EpayPrice', 'number'],
  ],
  money: [
    ['QuotaForNewUser', 'money'],
    ['QuotaForInviter', 'money'],
    ['QuotaForInvitee', 'money'],
    ['QuotaRemindThreshold', 'money'],
    ['DefaultModelPrice', 'text'],
    ['DefaultMaxOutputTokens', 'number'],
    ['PreConsumedQuota', 'money'],
    ['ApproximateTokenEnabled', 'switch'],
    ['ModelLimits', 'json'],
    ['GroupLimits', 'json'],
    ['GroupRatio', 'json'],
    ['ModelRatio', 'json'],
    ['CompletionRatio', 'json'],
  ],
  channels: [
    ['RetryTimes', 'number'],
    ['AutomaticDisableChannelEnabled', 'switch'],
    ['AutomaticEnableChannelEnabled', 'switch'],
    ['ChannelDisableThreshold', 'number'],
  ],
  logs: [
    ['LogConsumeEnabled', 'switch'],
    ['LogRetentionDays', 'number'],
  ],
  clients: [
    ['DisplayTokenStatEnabled', 'switch'],
    ['DisplayInCurrencyEnabled', 'switch'],
    ['QuotaPerUnit', 'number'],
  ],
} as const satisfies Record<string, readonly (readonly [string, Kind])[]>

export type Section = keyof typeof SECTIONS
export type Option = (typeof SECTIONS)[Section][number][0]

const KINDS = new Map<string, Kind>(
  Object.values(SECTIONS).flatMap((options) => options.map(([key, kind]) => [key, kind] as const)),
)

/** An option that this page does not know is text. */
export const kindOf = (key: string): Kind => KINDS.get(key) ?? 'text'

export const known = (key: string): key is Option => KINDS.has(key)
