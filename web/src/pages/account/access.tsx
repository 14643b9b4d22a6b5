// The access token: the management API for programs, with all that the account may.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, whole } from '../../api/client'
import { useMe } from '../../api/session'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/confirm'
import { Dialog } from '../../ui/dialog'
import { Card, Code } from '../../ui/show'
import { useFailed } from '../../ui/toast'

export function AccessToken() {
  const { t } = useSpeech()
  const failed = useFailed()
  const queries = useQueryClient()
  const user = useMe()
  const [sure, setSure] = useState<'make' | 'delete'>()
  const [made, setMade] = useState('')
  const refresh = () => queries.invalidateQueries({ queryKey: ['me'] })
  const make = useMutation({
    mutationFn: () => data(api.POST('/api/user/token')),
    onSuccess: (token) => {
      setSure(undefined)
      setMade(token)
      refresh()
    },
    onError: failed,
  })
  const remove = useMutation({
    mutationFn: () => whole(api.DELETE('/api/user/token')),
    onSuccess: () => {
      setSure(undefined)
      refresh()
    },
    onError: failed,
  })
  const tail = user.access_token_tail
  return (
    <Card title={t('account_token')}>
      <div className="flex flex-col items-start gap-3">
        <p className="text-soft">{t('account_token_says')}</p>
        <p>{tail ? t('account_token_is', { tail }) : t('account_token_none')}</p>
        <div className="flex flex-wrap gap-2">
          <Button busy={make.isPending} onClick={() => (tail ? setSure('make') : make.mutate())}>
            {tail ? t('account_token_again') : t('account_token_make')}
          </Button>
          {tail ? (
            <Button look="danger" onClick={() => setSure('delete')}>
              {t('account_token_delete')}
            </Button>
          ) : null}
        </div>
      </div>
      {sure ? (
        <Confirm
          title={sure === 'make' ? t('account_token_again') : t('account_token_delete')}
          description={t('account_token_dies')}
          action={sure === 'make' ? t('account_token_again') : t('account_token_delete')}
          danger
          busy={make.isPending || remove.isPending}
          run={() => (sure === 'make' ? make : remove).mutate()}
          close={() => setSure(undefined)}
        />
      ) : null}
      <Dialog
        open={made !== ''}
        onOpenChange={(open) => !open && setMade('')}
        title={t('account_token_made')}
        description={t('account_token_once')}
      >
        <Code text={made} />
      </Dialog>
    </Card>
  )
}
