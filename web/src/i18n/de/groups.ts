export const groups = {
  group_delete: 'Gruppe {name} löschen?',
  group_delete_hint: 'Niemand gehört ihr an. Frühere Abrechnungen behalten ihren Namen.',
  group_deleted: 'Die Gruppe {name} ist gelöscht',
  group_edit: 'Gruppe {name}',
  group_limits_each: 'Limits jedes Benutzers der Gruppe',
  group_limits_total: 'Limits der ganzen Gruppe',
  group_new: 'Neue Gruppe',
  group_pays: 'Auf-/Abschlag',
  group_percent: 'Auf- oder Abschlag in Prozent',
  group_percent_hint: '−20: ein Fünftel unter dem Preis. 50: die Hälfte mehr. −100: kostenlos.',
  group_percent_wrong: 'Ein Prozentsatz von mindestens −100',
  group_preview: 'Die letzten 7 Tage hätten insgesamt {change} gekostet: {after} statt {before}.',
  group_rename_hint: 'Benutzer, Kanäle und Schlüssel übernehmen den neuen Namen.',
  group_says:
    'Die Gruppe eines Benutzers bestimmt den Auf- oder Abschlag zum Preis und welche Kanäle antworten.',
  group_unknown: 'nie angelegt',
}
