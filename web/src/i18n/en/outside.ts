// The texts that a page may need before anybody has signed in.
import { common } from './common'
import { errors } from './errors'
import { signIn } from './sign-in'

export const outside = { ...common, ...errors, ...signIn }
