export const home = {
  address: 'Address for your programs',
  balance: 'Balance',
  calls_30: 'Calls, 30 days',
  home_says: 'You have {balance}. In 30 days {calls} {calls|call|calls} cost {spent}.',
  lasts: 'At this pace it lasts {days} {days|day|days}',
  make_key: 'Make a key',
  no_channel: 'No channel yet: add the account of a vendor to answer calls.',
  add_channel: 'Add a channel',
  spent_30: 'Spent, 30 days',
}
