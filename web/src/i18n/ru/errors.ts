export const errors = {
  error_database_unavailable: 'База данных не отвечает. Ничего не изменено. Повторите через {seconds} с.',
  error_forbidden: 'У вас нет на это прав.',
  error_list_too_slow: 'Этот список занимает слишком много времени. Запросите меньшую часть.',
  error_not_found: 'Этого больше нет.',
  error_offline: 'Сервер не отвечает. Ничего не изменено.',
  error_rate_limited: 'Слишком много попыток. Подождите {seconds} с.',
  error_totp_required: 'Нужны шесть цифр второго фактора.',
  error_unknown: 'Что-то пошло не так.',
}
