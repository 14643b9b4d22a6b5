// What an import found and did, or would do.
import { CircleCheck } from 'lucide-react'
import { useSpeech } from '../../i18n'
import { exact } from '../../lib/money'
import { Empty } from '../../ui/show'
import { type Column, Table } from '../../ui/table'
import { kindOf, type Report } from './words'

type Count = Report['counts'][number]
type Finding = Report['findings'][number]

export function Reported({ report, dry }: { report: Report; dry: boolean }) {
  const { t, language } = useSpeech()
  const name = (text: string) => {
    const kind = kindOf(text)
    return kind ? t(`backup_kind_${kind}`) : text
  }
  const number = (key: 'found' | 'imported' | 'already' | 'skipped', head: string): Column<Count> => ({
    key,
    head,
    right: true,
    show: (count) => exact(count[key], language),
  })
  const counts: Column<Count>[] = [
    { key: 'kind', head: t('backup_kind'), show: (count) => name(count.kind) },
    number('found', t('backup_found')),
    number('imported', t(dry ? 'backup_to_import' : 'backup_imported')),
    number('already', t('backup_already')),
    number('skipped', t('backup_skipped')),
  ]
  const findings: Column<Finding>[] = [
    { key: 'kind', head: t('backup_kind'), show: (finding) => name(finding.kind) },
    { key: 'id', head: t('backup_id'), right: true, show: (finding) => finding.id || '–' },
    {
      key: 'name',
      head: t('name'),
      show: (finding) => <span className="break-all">{finding.name || '–'}</span>,
    },
    {
      key: 'what',
      head: t('backup_what'),
      show: (finding) => <span className="break-words">{finding.what}</span>,
    },
  ]
  const rows = report.findings.map((finding, at) => ({ ...finding, at }))
  return (
    <div className="flex flex-col gap-4">
      <Table
        caption={t('backup_import_title')}
        columns={counts}
        rows={report.counts}
        id={(count) => count.kind}
        empty={null}
      />
      <h3 className="font-semibold">{t('backup_findings')}</h3>
      <Table
        caption={t('backup_findings')}
        columns={findings}
        rows={rows}
        id={(finding) => (finding as Finding & { at: number }).at}
        empty={
          <Empty icon={<CircleCheck className="size-6" aria-hidden />} title={t('backup_findings_none')} />
        }
      />
      {report.all_findings > report.findings.length ? (
        <p className="text-soft">
          {t('backup_findings_more', { shown: report.findings.length, count: report.all_findings })}
        </p>
      ) : null}
    </div>
  )
}
