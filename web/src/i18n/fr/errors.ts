export const errors = {
  error_database_unavailable:
    'La base de données ne répond pas. Rien n’a été modifié. Réessayez dans {seconds} secondes.',
  error_forbidden: 'Vous n’en avez pas le droit.',
  error_list_too_slow: 'Cette liste prend trop de temps. Demandez-en une partie plus petite.',
  error_not_found: 'Cet élément n’existe plus.',
  error_offline: 'Le serveur ne répond pas. Rien n’a été modifié.',
  error_rate_limited: 'Trop de tentatives. Attendez {seconds} secondes.',
  error_totp_required: 'Les six chiffres du second facteur sont nécessaires.',
  error_unknown: 'Une erreur s’est produite.',
}
