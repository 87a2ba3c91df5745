// Compiles src/ into a fresh dist/, and leaves an up-to-date one alone.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'

const STAMP = 'dist/index.js'
const INPUTS = ['package.json', 'tsconfig.json', 'tsconfig.build.json']

function newest() {
  const files = readdirSync('src', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`)
  return Math.max(...[...files, ...INPUTS].map((file) => statSync(file).mtimeMs))
}

if (!existsSync(STAMP) || statSync(STAMP).mtimeMs < newest()) {
  rmSync('dist', { recursive: true, force: true })
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
  if (status !== 0) {
    rmSync('dist', { recursive: true, force: true })
    process.exit(status ?? 1)
  }
  if (existsSync('dist/cli/main.js')) chmodSync('dist/cli/main.js', 0o755)
}
