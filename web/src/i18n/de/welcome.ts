export const welcome = {
  welcome_account: 'Ihr Konto',
  welcome_account_hint:
    'Das Passwort ist festgelegt. Ein zweiter Faktor hält andere auch dann fern, wenn sie es erfahren:',
  welcome_account_more: 'Passkey oder Code-App hinzufügen',
  welcome_address: 'Adresse dieser Website',
  welcome_address_hint:
    'Wie Menschen und Programme diesen Server erreichen. Links in E-Mails und die Anmeldung über andere Dienste führen dorthin.',
  welcome_address_local: 'Nur Programme auf diesem Rechner können diese Adresse verwenden.',
  welcome_address_open:
    'Kein https: Passwörter, Schlüssel und Prompts können unterwegs gelesen werden, und Passkeys funktionieren nicht. Stellen Sie diesem Server bald ein Zertifikat voran.',
  welcome_address_wrong: 'Eine Adresse beginnt mit https:// oder http://',
  welcome_call_failed: 'Eine Anfrage kam an und schlug fehl: {why}',
  welcome_call_stopped: 'Zehn Minuten lang kam nichts an.',
  welcome_call_waiting: 'Warten auf die erste Anfrage…',
  welcome_call_why: 'Erklären',
  welcome_channel: 'Erster Kanal',
  welcome_channel_again: 'Entfernen und erneut versuchen',
  welcome_channel_hint:
    'Ein Kanal ist ein Konto bei einem Anbieter. Fügen Sie dessen Schlüssel ein: Der Anbieter wird daran erkannt, seine Modelle werden aufgelistet und eines wird ausprobiert.',
  welcome_done: 'Empfangen ✓ {model} hat Ihre erste Anfrage in {time} beantwortet. Kosten: {cost}.',
  welcome_finish: 'Zur Startseite',
  welcome_go_on: 'Speichern und weiter',
  welcome_key: 'Erster Schlüssel',
  welcome_key_hint: 'Programme senden ihn bei jedem Aufruf mit.',
  welcome_key_there:
    'Sie haben einen Schlüssel. Er wurde einmal angezeigt; erstellen Sie einen weiteren, um einen Aufruf damit zu sehen.',
  welcome_key_another: 'Weiteren Schlüssel erstellen',
  welcome_link: 'Einrichtung fortsetzen',
  welcome_look: 'Erneut nachsehen',
  welcome_none_called: 'Noch niemand hat einen Aufruf gemacht.',
  welcome_open: 'Diesen Schritt öffnen',
  welcome_request: 'Erste Anfrage',
  welcome_request_hint:
    'Führen Sie den Aufruf oben aus oder drücken Sie „Ausprobieren“. Er erscheint hier innerhalb von zwei Sekunden.',
  welcome_says: '{done} von {all} Schritten {done|ist|sind} erledigt. Jeder lässt sich überspringen.',
  welcome_skip: 'Überspringen',
  welcome_step_done: 'erledigt',
  welcome_step_now: 'jetzt',
  welcome_step_open: 'offen',
  welcome_step_skipped: 'übersprungen',
  welcome_title: '{name} einrichten',
}
