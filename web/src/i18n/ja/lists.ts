export const lists = {
  alerts: 'アラート',
  columns: '列',
  filters_clear: 'フィルターを解除',
  sorted_by: '並び順',
  view_drop: '{name} を削除',
  view_dropped: '{name} を削除しました',
  view_keep: 'このフィルターを保存',
  view_keep_hint: '好きな名前でこのページ用に保存します。他の人には見えません。',
  view_kept: '{name} として保存しました',
  views: 'ビュー',
  views_none: '保存したフィルターはまだありません',
}
