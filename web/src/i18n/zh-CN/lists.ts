export const lists = {
  alerts: '告警',
  columns: '列',
  filters_clear: '清除筛选',
  sorted_by: '排序方式',
  view_drop: '删除 {name}',
  view_dropped: '已忘记 {name}',
  view_keep: '保存当前筛选',
  view_keep_hint: '以您自己的名称保存在此页面，其他人看不到。',
  view_kept: '已保存为 {name}',
  views: '视图',
  views_none: '还没有保存的筛选',
}
