import tailwind from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [react(), tailwind()],
  resolve: {
    alias: {
      // Its form for browsers writes to `innerHTML`.
      'decode-named-character-reference': new URL('src/lib/entities.ts', import.meta.url).pathname,
    },
  },
  // The service puts each answer's own nonce here (admin/src/dashboard.rs).
  html: { cspNonce: 'NONCE-OF-THIS-ANSWER' },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // What pages share would be a file for each set of pages that share it: sixty of them on Home. Icons and our own
        // small parts are put together; libraries stay apart, so that signing in loads none of the menus.
        codeSplitting: {
          groups: [
            {
              name: 'icons',
              test: /node_modules\/lucide-react\//,
              minShareCount: 2,
              entriesAware: true,
              entriesAwareMergeThreshold: 4_000,
            },
            {
              name: 'inside',
              test: /\/src\/(ui|lib|pages)\//,
              minShareCount: 2,
              includeDependenciesRecursively: false,
              entriesAware: true,
              entriesAwareMergeThreshold: 12_000,
            },
          ],
        },
      },
    },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:3000', '/v1': 'http://127.0.0.1:3000' } },
})
