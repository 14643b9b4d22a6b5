export const lists = {
  alerts: 'Alertas',
  columns: 'Colunas',
  filters_clear: 'Limpar filtros',
  sorted_by: 'Ordenar por',
  view_drop: 'Esquecer {name}',
  view_dropped: '{name} foi esquecido',
  view_keep: 'Guardar estes filtros',
  view_keep_hint: 'Com um nome seu, para esta página. Ninguém mais vê.',
  view_kept: 'Guardado como {name}',
  views: 'Visões',
  views_none: 'Nenhum filtro guardado ainda',
}
