export const home = {
  address: 'Endereço para seus programas',
  balance: 'Saldo',
  calls_30: 'Chamadas, 30 dias',
  home_says: 'Você tem {balance}. Em 30 dias, {calls} {calls|chamada custou|chamadas custaram} {spent}.',
  lasts: 'Nesse ritmo, dura {days} {days|dia|dias}',
  make_key: 'Criar uma chave',
  no_channel: 'Nenhum canal ainda: adicione a conta de um provedor para responder a chamadas.',
  add_channel: 'Adicionar um canal',
  spent_30: 'Gasto, 30 dias',
}
