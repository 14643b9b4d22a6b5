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
  },
  server: { proxy: { '/api': 'http://127.0.0.1:3000', '/v1': 'http://127.0.0.1:3000' } },
})
