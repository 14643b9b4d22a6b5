export const lists = {
  alerts: 'Alerts',
  columns: 'Columns',
  filters_clear: 'Clear the filters',
  sorted_by: 'Sorted by',
  view_drop: 'Forget {name}',
  view_dropped: '{name} is forgotten',
  view_keep: 'Keep these filters',
  view_keep_hint: 'Under a name of your own, for this page. Nobody else sees it.',
  view_kept: 'Kept as {name}',
  views: 'Views',
  views_none: 'No filters are kept yet',
}
