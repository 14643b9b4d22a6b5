export const lists = {
  alerts: '警示',
  columns: '欄位',
  filters_clear: '清除篩選',
  sorted_by: '排序依據',
  view_drop: '刪除 {name}',
  view_dropped: '已移除 {name}',
  view_keep: '保存目前的篩選',
  view_keep_hint: '以您自訂的名稱保存在此頁面，其他人看不到。',
  view_kept: '已保存為 {name}',
  views: '檢視',
  views_none: '尚無已保存的篩選',
}
