export const errors = {
  error_database_unavailable:
    'O banco de dados não responde. Nada foi alterado. Tente de novo em {seconds} segundos.',
  error_forbidden: 'Você não tem permissão para isso.',
  error_list_too_slow: 'Essa lista demora demais. Peça uma parte menor.',
  error_not_found: 'Isso não existe mais.',
  error_offline: 'O servidor não responde. Nada foi alterado.',
  error_rate_limited: 'Tentativas demais. Aguarde {seconds} segundos.',
  error_totp_required: 'São necessários os seis dígitos do segundo fator.',
  error_unknown: 'Algo deu errado.',
}
