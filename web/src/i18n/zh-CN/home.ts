export const home = {
  address: '程序使用的地址',
  balance: '余额',
  calls_30: '30 天调用次数',
  home_says: '余额 {balance}。过去 30 天共 {calls} 次调用，花费 {spent}。',
  lasts: '按此速度可用 {days} 天',
  make_key: '创建密钥',
  no_channel: '还没有渠道：添加一个供应商账户即可应答调用。',
  add_channel: '添加渠道',
  spent_30: '30 天花费',
}
