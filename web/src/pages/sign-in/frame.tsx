// What all pages for those who are not signed in have in common.
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { LanguageSelect } from '../../shell/language'

export function Frame({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className="flex min-h-dvh items-center justify-center p-4">
      <div className="flex w-full max-w-sm flex-col gap-4 rounded-lg border border-line bg-card p-6">
        <div className="flex flex-wrap items-center justify-between gap-2">
          <h1 className="text-lg font-semibold">{title}</h1>
          <LanguageSelect />
        </div>
        {children}
      </div>
    </main>
  )
}

/** To the page that was wanted, as somebody else than before. */
export function useArrive() {
  const queries = useQueryClient()
  const navigate = useNavigate()
  return async (wanted?: string) => {
    // What was known was of nobody, or of somebody who had yet to choose a password.
    queries.clear()
    // Only to pages of ours.
    const to = wanted?.startsWith('/') && !/^\/[/\\]/.test(wanted) ? wanted : '/'
    await navigate({ to, replace: true })
  }
}

export const LINK = 'rounded font-medium text-accent underline underline-offset-4'
