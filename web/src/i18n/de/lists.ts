export const lists = {
  alerts: 'Warnungen',
  columns: 'Spalten',
  filters_clear: 'Filter zurücksetzen',
  sorted_by: 'Sortiert nach',
  view_drop: '{name} vergessen',
  view_dropped: '{name} ist vergessen',
  view_keep: 'Diese Filter merken',
  view_keep_hint: 'Unter einem eigenen Namen, für diese Seite. Niemand sonst sieht ihn.',
  view_kept: 'Gemerkt als {name}',
  views: 'Ansichten',
  views_none: 'Noch keine Filter gemerkt',
}
