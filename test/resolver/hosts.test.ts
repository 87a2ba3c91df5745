import assert from 'node:assert/strict'
import { rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { Hosts } from '../../src/resolver/hosts.js'
import { temporaryFolder } from '../helpers/peer.js'
import { Stage } from './stage.js'

const FILE = `# a comment
127.0.0.1\tlocalhost loop # and another
::1 localhost
192.0.2.1 Printer.Example printer
192.0.2.2 printer
192.0.2.1 printer
2001:DB8::1 printer
fe80::1%lo linked
not-an-ip printer
300.1.1.1 printer
192.0.2.9
0.0.0.0 blocked.example
192.0.2.66 __proto__ constructor
192.0.2.13 xn--bcher-kva.example
192.0.2.14 Größe.example
\r\n192.0.2.10 windows\r
`

function file(text = FILE): string {
  const path = join(temporaryFolder('hosts'), 'hosts')
  writeFileSync(path, text)
  return path
}

/** Writes a file so that its time of change is another one, however fast this goes. */
function rewrite(path: string, text: string): void {
  const { mtimeMs } = statSync(path)
  writeFileSync(path, text)
  utimesSync(path, new Date(), new Date(mtimeMs + 1000))
}

const texts = (hosts: Hosts, name: string, now = 0): string[] => hosts.addresses(name, now).map((one) => one.address)

describe('what is in the file', () => {
  const hosts = new Hosts(file())

  test.each([
    ['localhost', ['127.0.0.1', '::1']],
    ['loop', ['127.0.0.1']],
    ['printer.example', ['192.0.2.1']],
    ['printer', ['192.0.2.1', '192.0.2.2', '2001:DB8::1']],
    ['linked', ['fe80::1%lo']],
    ['blocked.example', ['0.0.0.0']],
    ['windows', ['192.0.2.10']],
    ['__proto__', ['192.0.2.66']],
    ['constructor', ['192.0.2.66']],
    ['toString', []],
    ['nobody', []],
    ['#', []],
    ['', []],
  ])('%s has %j (A22)', (name, addresses) => {
    assert.deepEqual(texts(hosts, name), addresses)
  })

  test.each([
    ['127.0.0.1', ['localhost', 'loop']],
    ['192.0.2.1', ['Printer.Example', 'printer', 'printer']],
    ['2001:db8:0::1', ['printer']],
    ['::ffff:192.0.2.2', ['printer']],
    ['192.0.2.9', []],
    ['192.0.2.99', []],
    ['foo', []],
  ])('%s is %j', (ip, names) => {
    assert.deepEqual(hosts.names(ip, 0), names)
  })
})

describe('changes', () => {
  test('are seen within a second, and looked for once a second at most', () => {
    const path = file('192.0.2.1 a')
    const hosts = new Hosts(path)
    assert.deepEqual(texts(hosts, 'a', 0), ['192.0.2.1'])
    rewrite(path, '192.0.2.2 a')
    assert.deepEqual(texts(hosts, 'a', 999), ['192.0.2.1'])
    assert.deepEqual(texts(hosts, 'a', 1000), ['192.0.2.2'])
  })

  test('a file that is gone is empty, and read when it is back', () => {
    const path = file('192.0.2.1 a')
    const hosts = new Hosts(path)
    assert.deepEqual(texts(hosts, 'a', 0), ['192.0.2.1'])
    rmSync(path)
    assert.deepEqual(texts(hosts, 'a', 1000), [])
    writeFileSync(path, '192.0.2.3 a')
    assert.deepEqual(texts(hosts, 'a', 2000), ['192.0.2.3'])
  })

  test.each(['/nonexistent/hosts', '/', false] as const)('%s is empty', (path) => {
    assert.deepEqual(texts(new Hosts(path), 'localhost'), [])
  })
})

describe('in a resolver', () => {
  test('lookup reads it before anybody is asked, in any case and with a trailing dot', async () => {
    const stage = new Stage({}, { hosts: file() })
    for (const name of ['printer', 'PRINTER', 'printer.'])
      assert.deepEqual(await stage.run(stage.resolver.lookup(name, 4)), { address: '192.0.2.1', family: 4 })
    assert.deepEqual(await stage.run(stage.resolver.lookup('localhost', { all: true, family: 6 })), [
      { address: '::1', family: 6 },
    ])
    assert.deepEqual(stage.asked, [])
  })

  test('names that aren’t ASCII are found by their ASCII form, however the file has them', async () => {
    const stage = new Stage({}, { hosts: file() })
    for (const name of ['bücher.example', 'BÜCHER.example', 'bücher。example.'])
      assert.deepEqual(await stage.run(stage.resolver.lookup(name)), { address: '192.0.2.13', family: 4 })
    assert.equal((await stage.run(stage.resolver.lookup('größe.example'))).address, '192.0.2.14')
    assert.deepEqual(stage.asked, [])
  })

  test('a family that it has no address in is asked for', async () => {
    const stage = new Stage({ 'windows AAAA': ['2001:db8::9'] }, { hosts: file() })
    assert.deepEqual(await stage.run(stage.resolver.lookup('windows', 6)), { address: '2001:db8::9', family: 6 })
    assert.equal((await stage.run(stage.resolver.lookup('windows'))).address, '192.0.2.10')
    assert.deepEqual(stage.asked, ['windows AAAA'])
  })

  test('reverse reads it too, with the first name, which node:dns leaves out', async () => {
    const stage = new Stage({}, { hosts: file() })
    assert.deepEqual(await stage.run(stage.resolver.reverse('127.0.0.1')), ['localhost', 'loop'])
    assert.deepEqual(stage.asked, [])
  })

  test('resolve4 asks, as it does in node:dns', async () => {
    const stage = new Stage({ 'printer A': ['192.0.2.77'] }, { hosts: file() })
    assert.deepEqual(await stage.run(stage.resolver.resolve4('printer')), ['192.0.2.77'])
  })
})
