// By the codes of the API (`error_` and the code); others are shown in the API's words.
export const errors = {
  error_database_unavailable:
    'The database does not answer. Nothing was changed. Try again in {seconds} seconds.',
  error_forbidden: 'You may not do that.',
  error_list_too_slow: 'That list takes too long. Ask for less of it.',
  error_not_found: 'That is not there any more.',
  error_offline: 'The server does not answer. Nothing was changed.',
  error_rate_limited: 'Too many tries. Wait {seconds} seconds.',
  error_totp_required: 'The six digits of the second factor are needed.',
  error_unknown: 'Something went wrong.',
}
