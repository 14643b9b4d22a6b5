// Where this site is reached: as the browser sees it, unless somebody knows better.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { explained } from '../../ui/errors'
import { Input } from '../../ui/field'

const LOCAL = /^https?:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i

export function AddressStep({ skip }: { skip: () => void }) {
  const { t } = useSpeech()
  const queries = useQueryClient()
  const [address, setAddress] = useState(location.origin)
  const plain = address.trim().replace(/\/+$/, '')
  const fits = /^https?:\/\/[^\s/]+/.test(plain)
  const save = useMutation({
    mutationFn: () =>
      whole(api.PUT('/api/option', { body: { key: 'ServerAddress', value: plain as never } })),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['site'] })
      // What was there before may be the same: it is settled all the same.
      skip()
      return queries.invalidateQueries({ queryKey: ['options'] })
    },
  })
  const warning = LOCAL.test(plain)
    ? t('welcome_address_local')
    : plain.startsWith('http:')
      ? t('welcome_address_open')
      : ''
  return (
    <form
      className="flex max-w-xl flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        if (fits) save.mutate()
      }}
    >
      <Input
        label={t('welcome_address')}
        hint={t('welcome_address_hint')}
        type="url"
        autoFocus
        value={address}
        error={
          save.error
            ? explained(save.error, t)
            : address.trim() && !fits
              ? t('welcome_address_wrong')
              : undefined
        }
        onChange={(event) => setAddress(event.target.value)}
      />
      <p role="status" className="text-warn empty:hidden">
        {warning}
      </p>
      <div className="flex flex-wrap gap-2">
        <Button type="submit" look="main" disabled={!fits} busy={save.isPending}>
          {t('welcome_go_on')}
        </Button>
        <Button onClick={skip}>{t('welcome_skip')}</Button>
      </div>
    </form>
  )
}
