// Addresses and pages. What a page shows stands in its address; each page is loaded when it is opened.
import { QueryClient } from '@tanstack/react-query'
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router'
import { ApiError } from './api/client'
import { me } from './api/session'
import { ready } from './i18n/store'
import { noteInside, wasInside } from './lib/inside'
import './lib/opened'
import { Broken, Lost } from './pages/lost'

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // What was refused is refused again; what did not arrive may arrive.
      retry: (count, error) =>
        count < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
    },
  },
})

const root = createRootRoute({ component: Outlet, notFoundComponent: Lost, errorComponent: Broken })

type Search = Record<string, string | undefined>
/** Filters are text in the address: what is not text is no filter. */
const filters = (search: Record<string, unknown>): Search =>
  Object.fromEntries(
    Object.entries(search)
      .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
      .map(([key, value]) => [key, String(value)]),
  )

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: filters,
  component: lazyRouteComponent(() => import('./pages/sign-in'), 'SignIn'),
})

const outside = <P extends string>(path: P, name: 'Register' | 'Reset' | 'Arrival') =>
  createRoute({
    getParentRoute: () => root,
    path,
    validateSearch: filters,
    component: lazyRouteComponent(() => import('./pages/sign-in/outside'), name),
  })

/** Where payment providers send the browser back to. */
const topUp = createRoute({
  getParentRoute: () => root,
  path: '/topup',
  validateSearch: filters,
  beforeLoad: ({ search }) => {
    throw redirect({ to: '/billing', search: search as never, replace: true })
  },
})

/** Pages that visitors see as well, in a frame of their own. */
const OPEN = ['/', '/models', '/status', '/about']

const shells = {
  user: lazyRouteComponent(() => import('./shell/shell'), 'Shell'),
  visitor: lazyRouteComponent(() => import('./pages/visitors/shell'), 'VisitorShell'),
}
const fronts = {
  user: lazyRouteComponent(() => import('./pages/home'), 'Home'),
  visitor: lazyRouteComponent(() => import('./pages/visitors/landing'), 'Landing'),
}

// Whoever was inside when the page was last open probably is: all of it at once, and not one after the other.
const early = wasInside()
if (early) {
  void queries.prefetchQuery(me)
  void shells.user.preload?.()
  // What does not arrive is asked for again by the route, which tells.
  ready().catch(() => {})
}

const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  beforeLoad: async ({ location }) => {
    const [user] = await Promise.all([queries.ensureQueryData(me), ready()])
    if (!user && !OPEN.includes(location.pathname))
      throw redirect({ to: '/sign-in', search: { to: location.href } })
    if (user?.must_change_password) throw redirect({ to: '/sign-in', search: { new: '1' } })
    // Who came, until the next page is opened: a session that ends meanwhile changes no frame.
    const who: keyof typeof shells = user ? 'user' : 'visitor'
    noteInside(who === 'user')
    await shells[who].preload?.()
    return { who }
  },
  component: function Frame() {
    const Shell = shells[inside.useRouteContext().who]
    return <Shell />
  },
})

/** The same address for both: what somebody has, or what this is. */
const front = createRoute({
  getParentRoute: () => inside,
  path: '/',
  validateSearch: filters,
  loader: ({ context }) => fronts[context.who].preload?.(),
  component: function Front() {
    const Page = fronts[front.useRouteContext().who]
    return <Page />
  },
})

const page = <P extends string>(path: P, load: () => Promise<Record<string, unknown>>, name: string) => {
  const component = lazyRouteComponent(load as never, name as never)
  if (early && location.pathname === path) void component.preload?.()
  return createRoute({ getParentRoute: () => inside, path, validateSearch: filters, component })
}

const tree = root.addChildren([
  signIn,
  // The addresses of one-api's invitations and mails, and the way back from GitHub and the others.
  outside('/register', 'Register'),
  outside('/user/reset', 'Reset'),
  outside('/oauth/$provider', 'Arrival'),
  topUp,
  inside.addChildren([
    front,
    page('/models', () => import('./pages/models'), 'Models'),
    page('/status', () => import('./pages/status'), 'Status'),
    page('/about', () => import('./pages/visitors/about'), 'About'),
    page('/welcome', () => import('./pages/welcome'), 'Welcome'),
    page('/keys', () => import('./pages/keys'), 'Keys'),
    page('/usage', () => import('./pages/usage'), 'Usage'),
    page('/logs', () => import('./pages/logs'), 'Logs'),
    page('/playground', () => import('./pages/playground'), 'Playground'),
    page('/billing', () => import('./pages/billing'), 'Billing'),
    page('/account', () => import('./pages/account'), 'Account'),
    page('/overview', () => import('./pages/overview'), 'Overview'),
    page('/alerts', () => import('./pages/alerts'), 'Alerts'),
    page('/channels', () => import('./pages/channels'), 'Channels'),
    page('/prices', () => import('./pages/prices'), 'Prices'),
    page('/prompts', () => import('./pages/prompts'), 'Prompts'),
    page('/users', () => import('./pages/users'), 'Users'),
    page('/groups', () => import('./pages/groups'), 'Groups'),
    page('/vouchers', () => import('./pages/vouchers'), 'Vouchers'),
    page('/ledger', () => import('./pages/ledger'), 'Ledger'),
    page('/backup', () => import('./pages/backup'), 'Backup'),
    page('/nodes', () => import('./pages/nodes'), 'Nodes'),
    page('/settings', () => import('./pages/settings'), 'Settings'),
  ]),
])

export const router = createRouter({ routeTree: tree, defaultPreload: 'intent', scrollRestoration: true })

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
