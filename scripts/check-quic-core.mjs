// Fails when src/quic/core/artefact.ts was not built from the crate beside it, or doesn't hold the octets that it says.
// With `--write FILE` it makes the artefact from FILE, for scripts/build-quic-core.sh.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'

const CRATE = fileURLToPath(new URL('../src/quic/core/', import.meta.url))
const ARTEFACT = join(CRATE, 'artefact.ts')
/** What the octets depend on; the tests don't. */
const SOURCES = ['Cargo.toml', 'Cargo.lock', '.cargo', 'src']

const [option, file] = process.argv.slice(2)
if (option === '--write') write(readFileSync(file))
else process.exit(check())

function write(octets) {
  const packed = brotliCompressSync(octets, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 },
  })
  writeFileSync(
    ARTEFACT,
    `// Made by scripts/build-quic-core.sh: docs/quic-core.md.

/** SHA-256 of the crate's sources that the module was built from. */
export const SOURCES_SHA256: string = '${sourcesHash()}'

/** SHA-256 of the WebAssembly module. */
export const MODULE_SHA256: string = '${hash(octets)}'

/** The WebAssembly module, Brotli in base64. */
export const MODULE: string =
  '${packed.toString('base64')}'
`,
  )
  console.log(`quic core: ${octets.length} octets, ${packed.length} as Brotli, SHA-256 ${hash(octets)}`)
}

function check() {
  const text = readFileSync(ARTEFACT, 'utf8')
  const value = (name) => new RegExp(`${name}: string =\\s+'([^']*)'`).exec(text)?.[1] ?? ''
  const octets = brotliDecompressSync(Buffer.from(value('MODULE'), 'base64'))
  if (hash(octets) !== value('MODULE_SHA256')) {
    console.error('quic core: the artefact does not hold the module whose SHA-256 it states')
    return 1
  }
  if (sourcesHash() !== value('SOURCES_SHA256')) {
    console.error('quic core: the crate has changed since the artefact was built; run scripts/build-quic-core.sh')
    return 1
  }
  console.log('quic core: the artefact belongs to the crate')
  return 0
}

function sourcesHash() {
  const files = SOURCES.flatMap((name) =>
    name.includes('.') && !name.startsWith('.')
      ? [name]
      : readdirSync(join(CRATE, name), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile() && entry.name !== 'tests.rs')
          .map((entry) => join(entry.parentPath, entry.name).slice(CRATE.length).replaceAll('\\', '/')),
  ).sort()
  const digest = createHash('sha256')
  for (const name of files) {
    const content = readFileSync(join(CRATE, name))
    digest.update(`${name} ${content.length}\n`).update(content)
  }
  return digest.digest('hex')
}

function hash(octets) {
  return createHash('sha256').update(octets).digest('hex')
}
