// Pictures that go along with the next message.
import { ImagePlus, X } from 'lucide-react'
import { type ChangeEvent, useRef, useState } from 'react'
import { useSpeech } from '../../i18n'
import { Button, IconButton } from '../../ui/button'

/** So many, of so many bytes: they are sent again with each turn. */
const MOST = 4
const BYTES_MAX = 4 << 20

const read = (file: File) =>
  new Promise<string>((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(file)
  })

interface Props {
  pictures: string[]
  change: (pictures: string[]) => void
}

export function Pictures({ pictures, change }: Props) {
  const { t } = useSpeech()
  const field = useRef<HTMLInputElement>(null)
  const [error, setError] = useState('')
  const add = async ({ target }: ChangeEvent<HTMLInputElement>) => {
    const files = [...(target.files ?? [])]
    target.value = ''
    const fit = files.filter((file) => file.type.startsWith('image/') && file.size <= BYTES_MAX)
    const room = fit.slice(0, MOST - pictures.length)
    setError(
      room.length < files.length ? t('play_pictures_wrong', { most: MOST, megabytes: BYTES_MAX >> 20 }) : '',
    )
    change([...pictures, ...(await Promise.all(room.map(read)))])
  }
  return (
    <div className="flex flex-wrap items-center gap-3">
      <input
        ref={field}
        type="file"
        accept="image/*"
        multiple
        hidden
        aria-label={t('play_pictures')}
        onChange={add}
      />
      <Button
        icon={<ImagePlus className="size-4" aria-hidden />}
        disabled={pictures.length >= MOST}
        onClick={() => field.current?.click()}
      >
        {t('play_pictures')}
      </Button>
      {pictures.map((url, at) => (
        <span key={url} className="inline-flex items-center gap-1">
          <img
            src={url}
            alt={t('play_picture', { number: at + 1 })}
            className="size-10 rounded object-cover"
          />
          <IconButton
            label={t('play_picture_remove', { number: at + 1 })}
            onClick={() => change(pictures.filter((_, place) => place !== at))}
          >
            <X className="size-4" aria-hidden />
          </IconButton>
        </span>
      ))}
      {error ? (
        <p role="alert" className="text-bad">
          {error}
        </p>
      ) : null}
    </div>
  )
}
