export const home = {
  address: '프로그램용 주소',
  balance: '잔액',
  calls_30: '30일간 호출',
  home_says: '잔액은 {balance}입니다. 30일간 호출 {calls}회의 비용은 {spent}입니다.',
  lasts: '이 속도라면 {days}일 동안 쓸 수 있습니다',
  make_key: '키 만들기',
  no_channel: '채널이 아직 없습니다. 호출에 응답하려면 공급자 계정을 추가하세요.',
  add_channel: '채널 추가',
  spent_30: '30일간 지출',
}
