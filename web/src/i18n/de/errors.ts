export const errors = {
  error_database_unavailable:
    'Die Datenbank antwortet nicht. Es wurde nichts geändert. Versuchen Sie es in {seconds} Sekunden erneut.',
  error_forbidden: 'Dazu haben Sie keine Berechtigung.',
  error_list_too_slow: 'Diese Liste dauert zu lange. Grenzen Sie sie ein.',
  error_not_found: 'Das gibt es nicht mehr.',
  error_offline: 'Der Server antwortet nicht. Es wurde nichts geändert.',
  error_rate_limited: 'Zu viele Versuche. Warten Sie {seconds} Sekunden.',
  error_totp_required: 'Die sechs Ziffern des zweiten Faktors werden benötigt.',
  error_unknown: 'Etwas ist schiefgegangen.',
}
