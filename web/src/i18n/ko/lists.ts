export const lists = {
  alerts: '경고',
  columns: '열',
  filters_clear: '필터 지우기',
  sorted_by: '정렬 기준',
  view_drop: '{name} 삭제',
  view_dropped: '{name} 보기를 삭제했습니다',
  view_keep: '이 필터 저장',
  view_keep_hint: '원하는 이름으로 이 페이지에 저장합니다. 다른 사람에게는 보이지 않습니다.',
  view_kept: '{name} 이름으로 저장했습니다',
  views: '보기',
  views_none: '저장한 필터가 아직 없습니다',
}
