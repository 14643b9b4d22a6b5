export const errors = {
  error_database_unavailable:
    '데이터베이스가 응답하지 않습니다. 변경된 것은 없습니다. {seconds}초 후에 다시 시도하세요.',
  error_forbidden: '이 작업을 할 권한이 없습니다.',
  error_list_too_slow: '목록을 불러오는 데 너무 오래 걸립니다. 범위를 좁혀 주세요.',
  error_not_found: '더 이상 존재하지 않습니다.',
  error_offline: '서버가 응답하지 않습니다. 변경된 것은 없습니다.',
  error_rate_limited: '시도가 너무 많습니다. {seconds}초 기다려 주세요.',
  error_totp_required: '2단계 인증의 6자리 숫자가 필요합니다.',
  error_unknown: '문제가 발생했습니다.',
}
