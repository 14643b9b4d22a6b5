export const home = {
  address: 'Adresse für Ihre Programme',
  balance: 'Guthaben',
  calls_30: 'Aufrufe, 30 Tage',
  home_says:
    'Sie haben {balance}. In 30 Tagen {calls|hat|haben} {calls} {calls|Aufruf|Aufrufe} {spent} gekostet.',
  lasts: 'In diesem Tempo reicht es noch {days} {days|Tag|Tage}',
  make_key: 'Schlüssel erstellen',
  no_channel: 'Noch kein Kanal: Fügen Sie das Konto eines Anbieters hinzu, um Aufrufe zu beantworten.',
  add_channel: 'Kanal hinzufügen',
  spent_30: 'Ausgegeben, 30 Tage',
}
