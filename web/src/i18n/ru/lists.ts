export const lists = {
  alerts: 'Оповещения',
  columns: 'Столбцы',
  filters_clear: 'Сбросить фильтры',
  sorted_by: 'Сортировка',
  view_drop: 'Забыть {name}',
  view_dropped: 'Фильтры {name} забыты',
  view_keep: 'Запомнить эти фильтры',
  view_keep_hint: 'Под своим именем, для этой страницы. Больше никто их не видит.',
  view_kept: 'Сохранено как {name}',
  views: 'Виды',
  views_none: 'Сохранённых фильтров пока нет',
}
