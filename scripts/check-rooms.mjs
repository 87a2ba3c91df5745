// Fails when a file imports through a wall. Rooms are the folders of src/; docs/architecture.md says why each door is where it is.
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, relative } from 'node:path'

/** Room to the rooms that it may import. `TYPES` marks doors open to `import type` only. */
const DOORS = {
  base: [],
  address: ['base'],
  wire: ['base'],
  http: ['base'],
  http2: ['base', 'http'],
  quic: ['base', 'http'],
  transport: ['base', 'address', 'wire', 'http', 'http2', 'quic'],
  strategy: ['base', 'wire'],
  policy: ['base', 'wire'],
  query: ['base', 'wire'],
  network: ['base'],
  health: ['base', 'wire', 'network', 'query:type'],
  upstream: ['base', 'address', 'wire', 'transport', 'query', 'health', 'strategy:type'],
  pool: ['base', 'address', 'wire', 'query', 'strategy', 'upstream', 'health'],
  router: ['base', 'wire', 'query'],
  cache: ['base', 'wire', 'query'],
  forwarder: [
    'base',
    'address',
    'wire',
    'query',
    'strategy',
    'upstream',
    'pool',
    'health',
    'network',
    'router',
    'cache',
  ],
  resolver: ['base', 'address', 'wire', 'query', 'forwarder'],
  server: ['base', 'address', 'wire', 'http', 'quic', 'transport', 'policy', 'query'],
  metrics: ['base'],
  status: ['base', 'metrics'],
  config: [
    'base',
    'address',
    'wire',
    'query',
    'strategy',
    'upstream',
    'pool',
    'health',
    'router',
    'cache',
    'forwarder',
    'server',
  ],
  testing: ['base', 'address', 'wire', 'strategy', 'http', 'quic', 'transport'],
  cli: [
    'base',
    'address',
    'wire',
    'query',
    'strategy',
    'health',
    'upstream',
    'pool',
    'router',
    'forwarder',
    'server',
    'metrics',
    'status',
    'config',
  ],
}
/** Files of src/ itself: everybody may import errors.ts; the other two hold types only. */
const SHARED = { 'errors.js': 'value', 'exchanger.js': 'type', 'events.js': 'type' }
/** Packages and the rooms that may import them. */
const PACKAGES = {
  'dns-packet': ['wire'],
  eventemitter3: ['base'],
  'p-any': ['transport', 'upstream'],
  'p-timeout': ['base'],
  'smol-toml': ['config'],
  yaml: ['config'],
  ini: ['config'],
}
const IMPORT = /^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|import\('([^']+)'\)/gm

const problems = []
for (const entry of readdirSync('src', { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !entry.name.endsWith('.ts')) continue
  const path = relative('src', join(entry.parentPath, entry.name)).split('\\').join('/')
  if (path === 'index.ts') continue
  const room = path.includes('/') ? path.split('/')[0] : 'root'
  if (room !== 'root' && !(room in DOORS)) problems.push(`src/${path}: ${room} is not a room of docs/architecture.md`)
  for (const [, type, from, bare, dynamic] of readFileSync(join('src', path), 'utf8').matchAll(IMPORT)) {
    const problem = judge(path, room, from ?? bare ?? dynamic, type !== undefined)
    if (problem !== null) problems.push(`src/${path}: ${problem}`)
  }
}
for (const problem of problems) console.error(problem)
console.log(
  problems.length === 0
    ? 'rooms: every import goes through a door'
    : `rooms: ${problems.length} imports through a wall`,
)
process.exit(problems.length === 0 ? 0 : 1)

function judge(path, room, target, isType) {
  if (target.startsWith('node:'))
    return room === 'base' && /node:(net|dgram|tls|http)/.test(target) ? 'base holds no sockets' : null
  if (!target.startsWith('.')) {
    const name = target.split('/')[0]
    return PACKAGES[name]?.includes(room) ? null : `${room} may not import the package ${target}`
  }
  const to = posix.join(posix.dirname(path), target)
  if (!to.includes('/')) {
    if (to === 'index.js') return 'nobody imports index.ts'
    if (!(to in SHARED)) return `${to} is not shared`
    return SHARED[to] === 'value' || isType ? null : `${to} is for "import type" only`
  }
  const other = to.split('/')[0]
  if (other === room || room === 'root') return room === 'root' && !isType ? `${path} may import types only` : null
  if (DOORS[room]?.includes(other)) return null
  if (DOORS[room]?.includes(`${other}:type`))
    return isType ? null : `${room} may import only types of ${other} (${target})`
  return `${room} may not import ${other} (${target})`
}
