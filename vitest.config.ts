import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const at = (path: string): string => new URL(path, import.meta.url).pathname

export default defineConfig({
  resolve: {
    alias: [
      { find: 'headrace/testing', replacement: at('src/testing/index.ts') },
      { find: 'headrace/config', replacement: at('src/config/index.ts') },
      { find: 'headrace/metrics', replacement: at('src/metrics/index.ts') },
      { find: 'headrace/status', replacement: at('src/status/index.ts') },
      { find: 'headrace', replacement: at('src/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    globals: false,
    // Many wait for other programs: on two processors one worker leaves one of them idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
})
