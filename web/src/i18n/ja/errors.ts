export const errors = {
  error_database_unavailable:
    'データベースが応答しません。何も変更されていません。{seconds} 秒後に再試行してください。',
  error_forbidden: 'この操作を行う権限がありません。',
  error_list_too_slow: 'この一覧は時間がかかりすぎます。範囲を絞ってください。',
  error_not_found: '対象はもう存在しません。',
  error_offline: 'サーバーが応答しません。何も変更されていません。',
  error_rate_limited: '試行回数が多すぎます。{seconds} 秒お待ちください。',
  error_totp_required: '第 2 要素の 6 桁の数字が必要です。',
  error_unknown: '問題が発生しました。',
}
