// Passkeys: what the API asks, answered by the browser.

import type { Schemas } from '../api/client'

/** Whether this browser can do it the way the API speaks. */
export const passkeysWork = () =>
  typeof PublicKeyCredential !== 'undefined' && 'parseRequestOptionsFromJSON' in PublicKeyCredential

/** A passkey's answer, as the API takes it. */
export type Shown = NonNullable<Schemas['SignInBody']['passkey']>

/** The owner has cancelled, or has none for this site. */
export class NotShown extends Error {}

async function answered(asked: Promise<Credential | null>): Promise<Shown> {
  let told: Credential | null
  try {
    told = await asked
  } catch {
    // The browser does not tell why, on purpose.
    throw new NotShown()
  }
  if (!(told instanceof PublicKeyCredential)) throw new NotShown()
  return told.toJSON() as unknown as Shown
}

export const showPasskey = (publicKey: unknown): Promise<Shown> =>
  answered(
    navigator.credentials.get({
      publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey as never),
    }),
  )

export const makePasskey = (publicKey: unknown): Promise<Shown> =>
  answered(
    navigator.credentials.create({
      publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey as never),
    }),
  )
