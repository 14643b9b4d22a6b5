export const home = {
  address: 'Adresse pour vos programmes',
  balance: 'Solde',
  calls_30: 'Appels, 30 jours',
  home_says: 'Vous disposez de {balance}. En 30 jours, {calls} {calls|appel a|appels ont} coûté {spent}.',
  lasts: 'À ce rythme, il reste {days} {days|jour|jours}',
  make_key: 'Créer une clé',
  no_channel: 'Aucun canal : ajoutez le compte d’un fournisseur pour répondre aux appels.',
  add_channel: 'Ajouter un canal',
  spent_30: 'Dépensé, 30 jours',
}
