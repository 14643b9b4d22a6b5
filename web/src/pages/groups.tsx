// Groups: what their users pay beside the price, and what they may use.
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Plus, Tags, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { api, data, whole } from '../api/client'
import { ROLES, useMe } from '../api/session'
import { useSpeech } from '../i18n'
import { Button, IconButton } from '../ui/button'
import { useChange } from '../ui/change'
import { Confirm } from '../ui/confirm'
import { Count, Empty, State } from '../ui/show'
import { type Column, Table } from '../ui/table'
import { EditGroup } from './groups/edit'
import { type Group, shown } from './groups/ratio'

export function Groups() {
  const { t, language } = useSpeech()
  const me = useMe()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as { new?: string; name?: string }
  const [deleting, setDeleting] = useState<Group | null>(null)
  const root = me.role >= ROLES.root
  const go = (change: Record<string, string | undefined>) =>
    navigate({ to: '/groups', search: { ...search, ...change } as never, replace: true })
  const groups = useQuery({ queryKey: ['groups'], queryFn: () => data(api.GET('/api/group/all')) })
  const options = useQuery({
    queryKey: ['options'],
    enabled: root,
    queryFn: () => data(api.GET('/api/option')),
  })
  // The file has all groups or none.
  const fixed = options.data?.some((option) => option.key === 'GroupRatio' && option.owner === 'file')
  const may = root && options.data !== undefined && !fixed
  const remove = useChange({
    run: ({ group: { name, ratio, limits }, gone }: { group: Group; gone: boolean }): Promise<unknown> => {
      const params = { params: { path: { name } } }
      return gone
        ? whole(api.DELETE('/api/group/{name}', params))
        : whole(api.PUT('/api/group/{name}', { ...params, body: { ratio, limits } as never }))
    },
    concerns: [['groups'], ['group-names']],
    back: ({ group }) => ({ group, gone: false }),
    says: ({ group, gone }) => (gone ? t('group_deleted', { name: group.name }) : t('undone')),
    about: ({ group }) => `group ${group.name}`,
    done: () => setDeleting(null),
  })
  const rows: Group[] | undefined = groups.data
  const count = (key: 'users' | 'channels' | 'tokens') => ({
    key,
    head: t(key === 'tokens' ? 'keys' : key),
    right: true,
    show: (group: Group) => <Count of={group[key]} />,
  })
  const columns: Column<Group>[] = [
    { key: 'name', head: t('name'), show: (group) => group.name },
    {
      key: 'ratio',
      head: t('group_pays'),
      right: true,
      show: (group) =>
        group.ratio === null || group.ratio === undefined ? (
          <State mood="warn">{t('group_unknown')}</State>
        ) : (
          shown(group.ratio, language)
        ),
    },
    count('users'),
    count('channels'),
    count('tokens'),
  ]
  const edited = rows?.find((group) => group.name === search.name)
  return (
    <>
      <div className="flex flex-wrap items-end justify-between gap-3">
        <h1 className="text-xl font-semibold">{t('groups')}</h1>
        {may ? (
          <Button look="main" icon={<Plus className="size-4" aria-hidden />} onClick={() => go({ new: '1' })}>
            {t('group_new')}
          </Button>
        ) : null}
      </div>
      <p className="text-soft">
        {t('group_says')} {fixed ? t('from_file') : null}
      </p>
      <Table
        caption={t('groups')}
        columns={columns}
        rows={rows}
        id={(group) => group.name}
        error={groups.error}
        retry={() => groups.refetch()}
        {...(may ? { open: (group: Group) => go({ name: group.name }) } : {})}
        empty={<Empty icon={<Tags className="size-6" aria-hidden />} title={t('nothing_found')} />}
        {...(may
          ? {
              actions: (group: Group) =>
                group.name !== 'default' &&
                group.ratio !== null &&
                group.users + group.channels + group.tokens === 0 ? (
                  <IconButton
                    label={t('group_delete', { name: group.name })}
                    onClick={() => setDeleting(group)}
                  >
                    <Trash2 className="size-4" aria-hidden />
                  </IconButton>
                ) : null,
            }
          : {})}
      />
      {may && search.new ? <EditGroup group={null} close={() => go({ new: undefined })} /> : null}
      {may && edited ? (
        <EditGroup key={edited.name} group={edited} close={() => go({ name: undefined })} />
      ) : null}
      {deleting ? (
        <Confirm
          danger
          title={t('group_delete', { name: deleting.name })}
          description={t('group_delete_hint')}
          action={t('delete')}
          busy={remove.isPending}
          run={() => remove.mutate({ group: deleting, gone: true })}
          close={() => setDeleting(null)}
        />
      ) : null}
    </>
  )
}
