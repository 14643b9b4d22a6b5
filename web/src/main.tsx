import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Speaking } from './i18n'
import { begin } from './i18n/store'
import { queries, router } from './router'
import './styles.css'
import { Toasts } from './ui/toast'

// Dialogs put a style of their own into the page while they are open: it has to carry the answer's nonce.
const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce
Object.assign(globalThis, { __webpack_nonce__: nonce })

const root = document.getElementById('root')

// Not by an await of the module itself: other files may import this one, and would wait for it while it waits for them.
begin().then(() => {
  if (!root) return
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <Speaking>
          <Toasts>
            <RouterProvider router={router} />
          </Toasts>
        </Speaking>
      </QueryClientProvider>
    </StrictMode>,
  )
})
