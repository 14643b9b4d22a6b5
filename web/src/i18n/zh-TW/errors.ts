export const errors = {
  error_database_unavailable: '資料庫沒有回應，未做任何變更。請在 {seconds} 秒後重試。',
  error_forbidden: '您沒有執行此操作的權限。',
  error_list_too_slow: '此清單耗時過久，請縮小範圍。',
  error_not_found: '該項目已不存在。',
  error_offline: '伺服器沒有回應，未做任何變更。',
  error_rate_limited: '嘗試次數過多，請等待 {seconds} 秒。',
  error_totp_required: '需要輸入第二道驗證的六位數字。',
  error_unknown: '發生錯誤。',
}
