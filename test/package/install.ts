import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, temporaryFolder, type Ran } from '../helpers/peer.js'

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The packed package, installed where nothing else of the checkout is in reach. */
export interface Installed {
  /** A project folder with headrace in its node_modules. */
  readonly folder: string
  /** Paths inside the tarball. */
  readonly files: readonly string[]
  /** Octets unpacked. */
  readonly size: number
}

/**
 * Packs headrace and installs the tarball in a folder of its own, without a network: its dependencies, and the types
 * that a TypeScript user has, come from the checkout's node_modules.
 */
export async function installPacked(): Promise<Installed> {
  const folder = temporaryFolder('package')
  const packed = await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], ROOT)
  const [tarball] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[]; unpackedSize: number }]
  const listed = await npm(['ls', '--omit=dev', '--all', '--parseable'], ROOT)
  const dependencies = [...new Set(listed.stdout.trim().split('\n'))].filter((path) => /node_modules/.test(path))
  const types = ['@types/node', 'undici-types'].map((name) => join(ROOT, 'node_modules', name))
  mkdirSync(join(folder, 'project'))
  const project = join(folder, 'project')
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  const flags = ['--offline', '--install-links', '--no-audit', '--no-fund', '--ignore-scripts']
  await npm(['install', ...flags, join(folder, tarball.filename), ...dependencies, ...types], project)
  return { folder: project, files: tarball.files.map(({ path }) => path), size: tarball.unpackedSize }
}

async function npm(args: readonly string[], cwd: string): Promise<Ran> {
  const ran = await run('npm', args, { cwd, shell: process.platform === 'win32' })
  if (ran.code !== 0) throw new Error(`npm ${args[0]} failed: ${ran.stderr}`)
  return ran
}
