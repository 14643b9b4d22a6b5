export const lists = {
  alerts: 'Alertes',
  columns: 'Colonnes',
  filters_clear: 'Effacer les filtres',
  sorted_by: 'Trier par',
  view_drop: 'Oublier {name}',
  view_dropped: '{name} est oublié',
  view_keep: 'Conserver ces filtres',
  view_keep_hint: 'Sous un nom de votre choix, pour cette page. Personne d’autre ne le voit.',
  view_kept: 'Conservé : {name}',
  views: 'Vues',
  views_none: 'Aucun filtre conservé pour l’instant',
}
