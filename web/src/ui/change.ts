// A change of what the API keeps: shown at once, taken back where it is refused, and undone where something undoes it.
import { type QueryKey, useIsMutating, useMutation, useQueryClient } from '@tanstack/react-query'
import { useSpeech } from '../i18n'
import type { Patch } from '../lib/rows'
import { explained } from './errors'
import { useFailed, useSay } from './toast'

export interface Plan<V, R> {
  /** Asks the API for it. */
  run: (wanted: V, undoing: boolean) => Promise<R>
  /**
   * Beginnings of the keys of all queries that tell of it: asked for anew afterwards. Changes that share the first share
   * all.
   */
  concerns: QueryKey[]
  /** What is shown before the answer is there: queries, and how each is changed. */
  shown?: (wanted: V) => [QueryKey, Patch][]
  /** What undoes it, as another change of this kind; nothing where nothing does. */
  back?: (wanted: V, told: R) => V | null | undefined
  /** What is said when it is done. */
  says?: (wanted: V, told: R, undoing: boolean) => string | undefined
  /** What is changed: a newer change of the same leaves nothing to undo of the older one. */
  about?: (wanted: V) => string
  done?: (told: R, wanted: V, undoing: boolean) => void
  /** Instead of a toast; what could not be undone is always said by one. */
  refused?: (error: unknown, wanted: V) => void
}

interface Asked<V> {
  wanted: V
  undoing: boolean
}

const keyOf = (concern: unknown) => ['change', concern]

/** Whether a change is under way that concerns, before all else, these queries. */
export const useChanging = (concern: string) => useIsMutating({ mutationKey: keyOf(concern) }) > 0

export function useChange<V, R>(plan: Plan<V, R>) {
  const { t } = useSpeech()
  const say = useSay()
  const failed = useFailed()
  const queries = useQueryClient()
  const { concerns, run, shown, back, says, about, done, refused } = plan
  const mutationKey = keyOf(concerns[0]?.[0])
  const change = useMutation({
    mutationKey,
    // Without a network it is refused, and not shown as if it held until there is one.
    networkMode: 'always',
    mutationFn: ({ wanted, undoing }: Asked<V>) => run(wanted, undoing),
    onMutate: async ({ wanted }) => {
      const patches = shown?.(wanted) ?? []
      // An answer that is under way knows nothing of the change: it must not come after it.
      await Promise.all(patches.map(([queryKey]) => queries.cancelQueries({ queryKey })))
      return patches.flatMap(([queryKey, patch]) =>
        queries.getQueriesData({ queryKey }).flatMap(([key, before]) => {
          if (before === undefined) return []
          queries.setQueryData(key, patch(before))
          return [{ key, before, after: queries.getQueryData(key) }]
        }),
      )
    },
    onSuccess: (told, { wanted, undoing }) => {
      const inverse = undoing ? undefined : back?.(wanted, told)
      const text = says?.(wanted, told, undoing)
      if (text)
        say(text, {
          ...(about ? { about: about(wanted) } : {}),
          ...(inverse ? { undo: () => change.mutate({ wanted: inverse, undoing: true }) } : {}),
        })
      done?.(told, wanted, undoing)
    },
    onError: (error, { wanted, undoing }, kept) => {
      // What another change has touched meanwhile is not overwritten: it is asked for below.
      for (const { key, before, after } of [...(kept ?? [])].reverse())
        if (queries.getQueryData(key) === after) queries.setQueryData(key, before)
      if (undoing) say(t('undo_failed', { why: explained(error, t) }), { bad: true })
      else if (refused) refused(error, wanted)
      else failed(error)
    },
    onSettled: () => {
      // While others of this kind are under way, the API's state is not yet what the list shows.
      if (queries.isMutating({ mutationKey }) > 1) return
      // Not waited for: else a change would count as under way until all is read again.
      for (const queryKey of concerns) void queries.invalidateQueries({ queryKey })
    },
  })
  return {
    mutate: (wanted: V) => change.mutate({ wanted, undoing: false }),
    isPending: change.isPending,
    error: change.variables?.undoing ? null : change.error,
  }
}
