export const errors = {
  error_database_unavailable: '数据库没有响应，未做任何更改。请在 {seconds} 秒后重试。',
  error_forbidden: '您没有权限执行此操作。',
  error_list_too_slow: '此列表耗时过长，请缩小范围。',
  error_not_found: '该对象已不存在。',
  error_offline: '服务器没有响应，未做任何更改。',
  error_rate_limited: '尝试次数过多，请等待 {seconds} 秒。',
  error_totp_required: '需要输入六位动态验证码。',
  error_unknown: '出错了。',
}
