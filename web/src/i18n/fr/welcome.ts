export const welcome = {
  welcome_account: 'Votre compte',
  welcome_account_hint:
    'Le mot de passe est défini. Un second facteur protège le compte même si quelqu’un l’apprend :',
  welcome_account_more: 'ajouter une passkey ou une application de codes',
  welcome_address: 'Adresse de ce site',
  welcome_address_hint:
    'L’adresse par laquelle on atteint ce serveur. Les liens des e-mails et la connexion par des tiers y mènent.',
  welcome_address_local: 'Seuls les programmes de cette machine peuvent utiliser cette adresse.',
  welcome_address_open:
    'Pas de https : mots de passe, clés et prompts peuvent être lus en chemin, et les passkeys ne fonctionnent pas. Placez bientôt un certificat devant ce serveur.',
  welcome_address_wrong: 'Une adresse commence par https:// ou http://',
  welcome_call_failed: 'Une requête est arrivée et a échoué : {why}',
  welcome_call_stopped: 'Rien n’est arrivé pendant dix minutes.',
  welcome_call_waiting: 'En attente de la première requête…',
  welcome_call_why: 'L’expliquer',
  welcome_channel: 'Premier canal',
  welcome_channel_again: 'Le retirer et réessayer',
  welcome_channel_hint:
    'Un canal est un compte chez un fournisseur. Collez sa clé : le fournisseur en est déduit, ses modèles sont listés et l’un d’eux est essayé.',
  welcome_done: 'Reçu ✓ {model} a répondu à votre première requête en {time}. Coût : {cost}.',
  welcome_finish: 'Aller à l’accueil',
  welcome_go_on: 'Enregistrer et continuer',
  welcome_key: 'Première clé',
  welcome_key_hint: 'Les programmes la présentent à chaque appel.',
  welcome_key_there:
    'Vous avez une clé. Elle a été affichée une fois ; créez-en une autre pour voir un appel avec elle.',
  welcome_key_another: 'Créer une autre clé',
  welcome_link: 'Poursuivre la configuration',
  welcome_look: 'Vérifier à nouveau',
  welcome_none_called: 'Personne n’a encore fait d’appel.',
  welcome_open: 'Ouvrir cette étape',
  welcome_request: 'Première requête',
  welcome_request_hint:
    'Lancez l’appel ci-dessus, ou appuyez sur « Essayer ». Il apparaît ici en moins de deux secondes.',
  welcome_says:
    '{done} {done|étape|étapes} sur {all} {done|est faite|sont faites}. Chacune peut être ignorée.',
  welcome_skip: 'Ignorer',
  welcome_step_done: 'fait',
  welcome_step_now: 'en cours',
  welcome_step_open: 'à faire',
  welcome_step_skipped: 'ignoré',
  welcome_title: 'Configurer {name}',
}
