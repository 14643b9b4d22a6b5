export const lists = {
  alerts: 'Alertas',
  columns: 'Columnas',
  filters_clear: 'Quitar filtros',
  sorted_by: 'Ordenado por',
  view_drop: 'Olvidar {name}',
  view_dropped: '{name} se ha olvidado',
  view_keep: 'Guardar estos filtros',
  view_keep_hint: 'Con un nombre propio, para esta página. Nadie más los ve.',
  view_kept: 'Guardado como {name}',
  views: 'Vistas',
  views_none: 'Todavía no hay filtros guardados',
}
