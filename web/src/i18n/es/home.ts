export const home = {
  address: 'Dirección para sus programas',
  balance: 'Saldo',
  calls_30: 'Llamadas, 30 días',
  home_says: 'Tiene {balance}. En 30 días, {calls} {calls|llamada ha|llamadas han} costado {spent}.',
  lasts: 'A este ritmo dura {days} {days|día|días}',
  make_key: 'Crear una clave',
  no_channel: 'Todavía no hay canales: añada la cuenta de un proveedor para responder llamadas.',
  add_channel: 'Añadir canal',
  spent_30: 'Gasto, 30 días',
}
