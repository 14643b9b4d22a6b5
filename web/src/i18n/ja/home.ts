export const home = {
  address: 'プログラム用のアドレス',
  balance: '残高',
  calls_30: '30 日間の呼び出し',
  home_says: '残高は {balance} です。30 日間の {calls} 回の呼び出しで {spent} を使いました。',
  lasts: 'このペースであと {days} 日分です',
  make_key: 'キーを作成',
  no_channel:
    'チャネルがまだありません。呼び出しに応答するには、プロバイダーのアカウントを追加してください。',
  add_channel: 'チャネルを追加',
  spent_30: '30 日間の支出',
}
