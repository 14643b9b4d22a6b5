// What root may ask of a node, each after a question: that no more be sent to it, or again, or that its disk is lost.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, data, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { usd } from '../../lib/money'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/confirm'
import { useFailed, useSay } from '../../ui/toast'
import { called, type Node } from './words'

export interface Wish {
  node: Node
  what: 'drain' | 'resume' | 'lost'
}

/** The buttons of a row. */
export function Wishes({ node, wish }: { node: Node; wish: (wish: Wish) => void }) {
  const { t } = useSpeech()
  if (node.live && node.resting)
    return <Button onClick={() => wish({ node, what: 'resume' })}>{t('node_resume')}</Button>
  if (node.live && !node.ending)
    return <Button onClick={() => wish({ node, what: 'drain' })}>{t('node_drain')}</Button>
  if (node.may_be_lost)
    return <Button onClick={() => wish({ node, what: 'lost' })}>{t('node_lost_declare')}</Button>
  return null
}

/** The question, and what follows. */
export function Ask({ node, what, close }: Wish & { close: () => void }) {
  const { t, language } = useSpeech()
  const queries = useQueryClient()
  const failed = useFailed()
  const say = useSay()
  const run = useMutation({
    mutationFn: async () => {
      const params = { params: { path: { id: node.id } } }
      if (what === 'lost') {
        const { charged_usd } = await data(api.POST('/api/node/{id}/lost', params))
        say(t('node_lost_done', { sum: usd(charged_usd, language) }))
      } else if (what === 'drain') await whole(api.POST('/api/node/{id}/drain', params))
      else await whole(api.POST('/api/node/{id}/resume', params))
    },
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['nodes'] })
      close()
    },
    onError: failed,
  })
  const name = called(node)
  const words = {
    drain: [t('node_drain_ask', { name }), t('node_drain_says'), t('node_drain')],
    resume: [t('node_resume_ask', { name }), t('node_resume_says'), t('node_resume')],
    lost: [
      t('node_lost_ask', { name }),
      t('node_lost_says', { sum: usd(node.leased_usd, language) }),
      t('node_lost_declare'),
    ],
  }[what] as [string, string, string]
  return (
    <Confirm
      title={words[0]}
      description={words[1]}
      action={words[2]}
      run={() => run.mutate()}
      close={close}
      busy={run.isPending}
      {...(what === 'lost' ? { danger: true, typed: name } : {})}
    />
  )
}
