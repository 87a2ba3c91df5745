// Compiles src/ into build/, module by module, and bundles that into a fresh dist/; leaves an up-to-date one alone.
// What is published is a few files: a process with 64 file descriptors can't import 130 modules, and few load faster.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { build } from 'esbuild'

const STAMP = 'dist/index.js'
const INPUTS = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs']

function newest() {
  const files = readdirSync('src', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`)
  return Math.max(...[...files, ...INPUTS].map((file) => statSync(file).mtimeMs))
}

function clean() {
  for (const folder of ['build', 'dist']) rmSync(folder, { recursive: true, force: true })
}

if (!existsSync(STAMP) || statSync(STAMP).mtimeMs < newest()) {
  clean()
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
  if (status !== 0) {
    clean()
    process.exit(status ?? 1)
  }
  cpSync('build', 'dist', { recursive: true, filter: (path) => statSync(path).isDirectory() || path.endsWith('.d.ts') })
  await build({
    entryPoints: [
      'build/index.js',
      'build/testing/index.js',
      'build/config/index.js',
      'build/metrics/index.js',
      'build/status/index.js',
      'build/cli/main.js',
    ],
    outdir: 'dist',
    outbase: 'build',
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true, // what two entries share is there once, and transports still load on first use
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    logLevel: 'warning',
  })
  chmodSync('dist/cli/main.js', 0o755)
}
