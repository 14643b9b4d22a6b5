export const home = {
  address: '供程式使用的網址',
  balance: '餘額',
  calls_30: '30 天呼叫次數',
  home_says: '您有 {balance}。過去 30 天共 {calls} 次呼叫，花費 {spent}。',
  lasts: '依此速度可用 {days} 天',
  make_key: '建立金鑰',
  no_channel: '尚無管道：新增供應商帳戶即可回應呼叫。',
  add_channel: '新增管道',
  spent_30: '30 天花費',
}
