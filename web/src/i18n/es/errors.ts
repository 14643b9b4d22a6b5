export const errors = {
  error_database_unavailable:
    'La base de datos no responde. No se ha cambiado nada. Vuelva a intentarlo en {seconds} segundos.',
  error_forbidden: 'No tiene permiso para hacer eso.',
  error_list_too_slow: 'Esa lista tarda demasiado. Pida menos.',
  error_not_found: 'Eso ya no existe.',
  error_offline: 'El servidor no responde. No se ha cambiado nada.',
  error_rate_limited: 'Demasiados intentos. Espere {seconds} segundos.',
  error_totp_required: 'Hacen falta los seis dígitos del segundo factor.',
  error_unknown: 'Algo ha fallado.',
}
