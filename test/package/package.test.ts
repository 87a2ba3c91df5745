import assert from 'node:assert/strict'
import { copyFileSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { builtinModules, createRequire } from 'node:module'
import { join } from 'node:path'
import { beforeAll, describe, test } from 'vitest'
import { run, type Ran } from '../helpers/peer.js'
import { installPacked, ROOT, type Installed } from './install.js'

const CLASSES = [
  'Upstream', 'Pool', 'Strategy', 'Forwarder', 'Router', 'Message', 'ParallelStrategy', 'BalancedStrategy',
  'FailoverStrategy', 'RandomStrategy', 'WeightedStrategy', 'FastestStrategy', 'LeastOutstandingStrategy',
  'ConsistentHashStrategy', 'FirstAvailableStrategy', 'HedgedStrategy', 'DnsError', 'createServer', 'parseAddress',
] // prettier-ignore

describe('the packed package', () => {
  let installed: Installed
  const script = (source: string, extension: 'mjs' | 'cjs'): Promise<Ran> => {
    const file = join(installed.folder, `script.${extension}`)
    writeFileSync(file, source)
    return run(process.execPath, [file], { cwd: installed.folder })
  }

  beforeAll(async () => {
    installed = await installPacked()
  }, 120_000)

  test('holds the built library, its types and what npm shows, and nothing else', () => {
    const strangers = installed.files.filter(
      (path) => !/^(package\.json|README\.md|CHANGELOG\.md|LICENSE|NOTICE|dist\/[\w/-]+\.(js|d\.ts))$/.test(path),
    )
    assert.deepEqual(strangers, [])
    for (const path of ['README.md', 'CHANGELOG.md', 'dist/index.js', 'dist/index.d.ts', 'dist/testing/index.d.ts']) {
      assert.ok(installed.files.includes(path), path)
    }
    assert.ok(installed.size < 2.5 * 2 ** 20, `${installed.size} octets unpacked`)
  })

  test('has types beside each entry, no install scripts and no side effects', () => {
    const manifest = JSON.parse(readFileSync(join(installed.folder, 'node_modules/headrace/package.json'), 'utf8'))
    for (const target of Object.values<unknown>(manifest.exports)) {
      if (typeof target === 'object' && target !== null) assert.equal(Object.keys(target)[0], 'types')
    }
    for (const hook of ['preinstall', 'install', 'postinstall', 'prepare']) assert.ok(!(hook in manifest.scripts), hook)
    assert.equal(manifest.sideEffects, false)
    assert.equal(manifest.type, 'module')
    for (const path of installed.files.filter((file) => file.endsWith('.js') && !file.startsWith('dist/chunks/'))) {
      assert.ok(installed.files.includes(path.replace(/\.js$/, '.d.ts')), path)
    }
  })

  test.skipIf(process.platform === 'win32')('can be imported by a process with 64 file descriptors (T17)', async () => {
    const script = `ulimit -n 64; exec '${process.execPath}' --input-type=module -e "await import('headrace'); console.log('imported')"`
    const { stdout } = await run('sh', ['-c', script], { cwd: installed.folder })
    assert.equal(stdout, 'imported\n')
  })

  test.skipIf(process.platform === 'win32')('says what keeps it from loading a transport, and goes on', async () => {
    const script = `
      import { closeSync, openSync } from 'node:fs'
      import { Upstream } from 'headrace'
      const upstream = new Upstream('tls://127.0.0.1:1', { timeout: 2000 })
      const ask = () => upstream.query('x.example').catch(({ code, message }) => console.log(code + ' ' + message))
      const taken = []
      try { for (;;) taken.push(openSync('/dev/null')) } catch {}
      await ask()
      for (const descriptor of taken) closeSync(descriptor)
      await ask()`
    const command = `ulimit -n 64; exec '${process.execPath}' --input-type=module -e "$0"`
    const { stdout } = await run('sh', ['-c', command, script], { cwd: installed.folder })
    const [first, second] = stdout.split('\n')
    assert.match(first!, /^ERR_DNS_CONNECT transport tls cannot be loaded: EMFILE/)
    // Node 20 remembers a module that could not be read.
    if (Number(process.versions.node.split('.')[0]) >= 22) assert.match(second!, /^ERR_DNS_CONNECT .*refused/)
  })

  test('imports only Node and the dependencies that it declares', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const dist = join(installed.folder, 'node_modules/headrace/dist')
    for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.(js|d\.ts)$/.test(name),
    )) {
      for (const [, from] of readFileSync(join(dist, file), 'utf8').matchAll(
        /(?:from\s+|import\s*\(|^import\s*)['"]([^'".][^'"]*)['"]/gm,
      )) {
        const name = from!.startsWith('@') ? from!.split('/').slice(0, 2).join('/') : from!.split('/')[0]!
        const known = name.startsWith('node:') ? builtinModules.includes(from!.slice(5)) : name in manifest.dependencies
        assert.ok(known, `${file} imports ${from}`)
      }
    }
  })

  test('is imported as an ES module, with every class', async () => {
    const names = JSON.stringify(CLASSES)
    const { code, stdout, stderr } = await script(
      `import * as headrace from 'headrace'; import * as testing from 'headrace/testing'
       console.log(JSON.stringify([...${names}.filter((name) => typeof headrace[name] !== 'function'),
         ...['FakeUpstream', 'FakeClock', 'FakeServer'].filter((name) => typeof testing[name] !== 'function')]))`,
      'mjs',
    )
    assert.equal(code, 0, stderr)
    assert.deepEqual(JSON.parse(stdout), [])
  })

  test('is loaded by require()', async () => {
    const { code, stdout, stderr } = await script(
      `const { Forwarder, DnsError } = require('headrace'); const { FakeClock } = require('headrace/testing')
       console.log(typeof Forwarder, typeof DnsError, typeof FakeClock, require('headrace/package.json').name)`,
      'cjs',
    )
    assert.equal(code, 0, stderr)
    assert.equal(stdout.trim(), 'function function function headrace')
  })

  test('starts nothing when imported or when objects are made: no timer, no socket', async () => {
    const { code, stdout, stderr } = await script(
      `const before = process.getActiveResourcesInfo().length
       const { Forwarder, Pool, Upstream } = await import('headrace'); await import('headrace/testing')
       const pool = new Pool({ upstreams: ['192.0.2.1', 'tcp://192.0.2.2', new Upstream('192.0.2.3')] })
       new Forwarder({ pools: [pool], fallback: ['192.0.2.4'] })
       await new Promise((resolve) => setImmediate(resolve))
       console.log(process.getActiveResourcesInfo().slice(before).filter((name) => !/^(FS|Immediate|TTY|Pipe)/.test(name)).join())`,
      'mjs',
    )
    assert.equal(code, 0, stderr)
    assert.equal(stdout.trim(), '')
  })

  test('reads and compiles nothing of the QUIC core for other transports', async () => {
    const folder = join(installed.folder, 'node_modules/headrace/dist/chunks')
    const file = join(
      folder,
      readdirSync(folder).find((name) => name.startsWith('artefact'))!,
    )
    renameSync(file, `${file}.away`)
    const { code, stdout, stderr } = await script(
      `const { createServer, Upstream } = await import('headrace')
       const { FakeServer } = await import('headrace/testing')
       const transports = ['udp', 'tcp', 'tls', 'https']
       const fake = await FakeServer.listen({ transports })
       const server = await createServer(new Upstream(fake.address), { listen: '127.0.0.1:0' })
       const ask = async (address) => {
         const upstream = new Upstream(address, { tls: { ca: fake.ca } })
         console.log(await upstream.query('www.example', 'A').then(({ rcode }) => rcode, ({ code }) => code))
         await upstream.close()
       }
       for (const transport of transports) await ask(fake.addressOf(transport))
       await ask(String(server.addresses[0]))
       await ask('doq://127.0.0.1:' + fake.port)
       await server.close()
       await fake.close()`,
      'mjs',
    )
    renameSync(`${file}.away`, file)
    assert.equal(code, 0, stderr)
    assert.deepEqual(stdout.trim().split('\n'), [...Array<string>(5).fill('NOERROR'), 'ERR_DNS_CONNECT'])
  })

  test('compiles and runs for a TypeScript user with a Strategy and an Exchanger of their own', async () => {
    copyFileSync(join(ROOT, 'test/package/consumer/main.ts'), join(installed.folder, 'main.ts'))
    const options = {
      target: 'es2022', module: 'nodenext', moduleResolution: 'nodenext', strict: true, skipLibCheck: false,
      exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, types: ['node'], outDir: 'out',
    } // prettier-ignore
    writeFileSync(
      join(installed.folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: ['main.ts'] }),
    )
    const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
    const compiled = await run(process.execPath, [tsc], { cwd: installed.folder })
    assert.equal(compiled.code, 0, compiled.stdout)
    const ran = await run(process.execPath, ['out/main.js'], { cwd: installed.folder })
    assert.equal(ran.code, 0, ran.stderr)
    assert.equal(ran.stdout.trim(), 'consumer: ok')
  }, 60_000)

  test('brings the headrace command, which says how it is used', async () => {
    const command = join(installed.folder, 'node_modules/.bin/headrace')
    const help = await run(command, ['--help'], { cwd: installed.folder, shell: process.platform === 'win32' })
    assert.equal(help.code, 0, help.stderr)
    assert.match(help.stdout, /serve[\s\S]*query/)
    const wrong = await run(command, ['serv'], { cwd: installed.folder, shell: process.platform === 'win32' })
    assert.notEqual(wrong.code, 0)
    assert.match(wrong.stderr, /serv/)
  })
})
