// Making a channel and finding out whether it works.
import { ApiError, api, data, type Schemas } from '../../api/client'
import { tested } from './queries'
import { modelToTry } from './vendors'

export interface Outcome {
  id: number
  name: string
  /** How many channels were made: one for each key. */
  made: number
  /** How many models it offers, and which of them can't be billed. */
  models: string[]
  unpriced: string[]
  /** Why the vendor's list of models could not be had. */
  unlisted: string
  works: boolean
  why: string
  seconds: number
  tried: string
}

const said = (error: unknown) => (error instanceof ApiError ? error.message : String(error))

/**
 * Saves first: the vendor can only be asked with a saved key. Models that were not chosen are the vendor's own list, else
 * what is known of the vendor.
 */
export async function makeAndTest(
  body: Schemas['ChannelBody'],
  chosen: string[],
  known: string[],
): Promise<Outcome> {
  const first = chosen.length ? chosen : known
  const { ids } = await data(api.POST('/api/channel', { body: { ...body, models: first } }))
  const id = ids[0] as number
  let models = first
  let unlisted = ''
  if (chosen.length === 0) {
    try {
      const listed = await data(api.GET('/api/channel/{id}/vendor_models', { params: { path: { id } } }))
      if (listed.models.length) {
        models = listed.models
        for (const one of ids) await data(api.PUT('/api/channel', { body: { id: one, models } }))
      }
    } catch (error) {
      unlisted = said(error)
    }
  }
  const outcome = { id, name: body.name ?? '', made: ids.length, models, unlisted, unpriced: [] as string[] }
  if (models.length === 0) return { ...outcome, works: false, why: '', seconds: 0, tried: '' }
  try {
    const known = modelToTry(models.filter((model) => first.includes(model)))
    const told = await tested(id, known ?? modelToTry(models))
    const priced = await data(api.GET('/api/price'))
    return {
      ...outcome,
      unpriced: models.filter((model) => priced.unpriced.includes(model)),
      works: told.success,
      why: told.message,
      seconds: told.time,
      tried: told.modelName,
    }
  } catch (error) {
    return { ...outcome, works: false, why: said(error), seconds: 0, tried: '' }
  }
}
