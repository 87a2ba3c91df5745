import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer, Forwarder, Message, Upstream, type FunctionUpstream, type Server } from 'headrace'
import { FakeAuthority } from 'headrace/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { DIGS, said, TYPEABLE } from '../helpers/digs.js'
import { HOSTS, Nsd } from '../helpers/nsd.js'
import { missing, peer, run, temporaryFolder, title, type Ran } from '../helpers/peer.js'
import { askTcp, buildQuery, comparable } from '../helpers/raw-dns.js'

const WAYS = [
  { way: 'TLS', scheme: 'tls', flags: ['+tls'] },
  { way: 'HTTPS by POST', scheme: 'https', flags: ['+https'] },
  { way: 'HTTPS by GET', scheme: 'https', flags: ['+https', '+https-get'] },
] as const

for (const { client, sections } of DIGS) {
  const reason = missing('nsd', client)
  describe.skipIf(reason !== null)(title(`${client} against our encrypted listeners in front of nsd`, reason), () => {
    const ours = stage()
    const straight: Record<string, Promise<Ran>> = {}

    test.each(WAYS)(
      'sees over $way what it sees when it asks nsd over TCP',
      async ({ scheme, flags }) => {
        const trust = [`+tls-ca=${ours.ca}`, '+tls-hostname=localhost']
        const encrypted = ['-p', `${ours.port(scheme)}`, ...flags, ...trust, ...sections]
        const plain = ['-p', `${ours.nsd.port}`, '+tcp', ...sections]
        for (const { name, type } of [...TYPEABLE, { name: 'huge.rich.example', type: 'TXT' }]) {
          const [direct, through] = await Promise.all([
            (straight[`${name} ${type}`] ??= run(peer(client)!, ['@127.0.0.1', ...plain, name, type])),
            run(peer(client)!, ['@127.0.0.1', ...encrypted, name, type]),
          ])
          assert.equal(through.code, 0, `${name} ${type}: ${through.stdout}${through.stderr}`)
          assert.equal(said(through.stdout), said(direct.stdout), `${name} ${type}`)
          assert.match(through.stdout, /NOERROR|NXDOMAIN|REFUSED/, `${name} ${type}`)
        }
      },
      60_000,
    )

    test.each(WAYS)('takes our certificate for no other name over $way (R-DOT-3)', async ({ scheme, flags }) => {
      const other = [`+tls-ca=${ours.ca}`, '+tls-hostname=other.example', '+retry=0']
      const args = ['@127.0.0.1', '-p', `${ours.port(scheme)}`, ...flags, ...other, 'a.rich.example']
      const { stdout } = await run(peer(client)!, args)
      assert.doesNotMatch(stdout, /NOERROR/)
    })
  })
}

const nsdOnly = missing('nsd')
describe.skipIf(nsdOnly !== null)(title('headrace against our encrypted listeners in front of nsd', nsdOnly), () => {
  const ours = stage()

  test.each(['tls', 'https'] as const)('gets 2,000 replies at once over %s, each to its own query', async (scheme) => {
    const tls = { ca: readFileSync(ours.ca) }
    const upstream = new Upstream(`${scheme}://127.0.0.1:${ours.port(scheme)}`, { tls, timeout: 15_000 })
    const replies = await Promise.all(Array.from({ length: 2000 }, (_, i) => upstream.query(`h${i}.load.example`, 'A')))
    replies.forEach(({ answers }, i) => assert.equal(answers[0]?.data, `198.18.${i >> 8}.${i & 255}`))
    assert.equal(upstream.stats.failures, 0)
    await upstream.close()
  })
})

const load = missing('nsd', 'dnsperf')
describe.skipIf(load !== null)(title('dnsperf against our encrypted listeners in front of nsd', load), () => {
  const ours = stage()
  // dnsperf 2.10 forgets queries over HTTPS, whoever the server is, when a connection has two at a time.
  const DOH = ['-m', 'doh', '-c', '10', '-q', '1']
  const names = join(temporaryFolder('dnsperf'), 'names')
  writeFileSync(names, Array.from({ length: HOSTS }, (_, i) => `h${i}.load.example A\n`).join(''))

  test.each([
    { way: 'TLS', scheme: 'tls', args: ['-m', 'dot', '-c', '10', '-q', '100'], least: 1000 },
    { way: 'HTTPS by POST', scheme: 'https', args: [...DOH, '-O', 'doh-method=POST'], least: 20 },
    { way: 'HTTPS by GET', scheme: 'https', args: [...DOH, '-O', 'doh-method=GET'], least: 20 },
  ] as const)(
    'loses nothing over $way',
    async ({ scheme, args, least }) => {
      const uri = scheme === 'https' ? ['-O', `doh-uri=https://127.0.0.1:${ours.port('https')}/dns-query`] : []
      const place = ['-s', '127.0.0.1', '-p', `${ours.port(scheme)}`, '-d', names]
      const { stdout } = await run(peer('dnsperf')!, [...place, ...args, ...uri, '-Q', '500', '-l', '3'])
      const count = (what: string): number => Number(new RegExp(`${what}:\\s+(\\d+)`).exec(stdout)?.[1] ?? NaN)
      assert.equal(count('Queries lost'), 0, stdout)
      assert.ok(count('Queries completed') > least, stdout)
      assert.match(stdout, /Response codes:\s+NOERROR \d+ \(100\.00%\)/, stdout)
    },
    30_000,
  )
})

const curl = missing('nsd', 'curl')
describe.skipIf(curl !== null)(title('curl against our DoH listener', curl), () => {
  const ours = stage()

  test('gets the octets by GET, and their type and lifetime (R-DOH-1, R-DOH-3)', async () => {
    const query = buildQuery('a.rich.example', 1, { id: 0 })
    const file = join(temporaryFolder('curl'), 'reply')
    const url = `https://localhost:${ours.port('https')}/dns-query?dns=${query.toString('base64url')}`
    const wanted = '%{http_version} %{http_code} %{content_type} %header{cache-control}'
    const { stdout } = await run(peer('curl')!, ['-sS', '--cacert', ours.ca, '-o', file, '-w', wanted, url])
    assert.equal(stdout, '2 200 application/dns-message max-age=3600')
    const direct = await askTcp(ours.nsd.port, query)
    assert.deepEqual(comparable(readFileSync(file)), comparable(direct!))
  })

  test('loads a page by a name that only our upstream knows', async () => {
    const { url, stop } = await page()
    const doh = ['--doh-url', `https://localhost:${ours.port('https')}/dns-query`]
    const { stdout, stderr } = await run(peer('curl')!, ['-sS', '--cacert', ours.ca, ...doh, url])
    await stop()
    assert.equal(stdout, PAGE, stderr)
  })
})

const browser = missing('nsd', 'chromium')
describe.skipIf(browser !== null)(title('chromium whose secure DNS is our DoH listener', browser), () => {
  const ours = stage()

  test.each([
    { by: 'POST', template: '' },
    { by: 'GET', template: '{?dns}' },
  ])('loads a page by a name that only our upstream knows, by $by', async ({ template }) => {
    const { url, stop } = await page()
    const profile = temporaryFolder('chromium')
    const templates = `https://127.0.0.1:${ours.port('https')}/dns-query${template}`
    writeFileSync(join(profile, 'Local State'), JSON.stringify({ dns_over_https: { mode: 'secure', templates } }))
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']
    const place = [`--user-data-dir=${profile}`, `--ignore-certificate-errors-spki-list=${ours.pin}`]
    const { stdout, stderr } = await run(peer('chromium')!, [...flags, ...place, '--dump-dom', url])
    await stop()
    assert.ok(stdout.includes(PAGE), stdout + stderr)
  })
})

const PAGE = '<p>found by our upstream</p>'
const ONLY_HERE = 'only-here.example'

/** A page on loopback, and its address by a name that nobody knows but the upstream of {@link stage}. */
async function page(): Promise<{ url: string; stop: () => Promise<void> }> {
  const web = createHttpServer((_, response) => response.setHeader('connection', 'close').end(PAGE))
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  const { port } = web.address() as AddressInfo
  return { url: `http://www.${ONLY_HERE}:${port}/`, stop: () => new Promise((resolve) => web.close(() => resolve())) }
}

interface Stage {
  readonly nsd: Nsd
  /** A file with the certificate to trust. */
  readonly ca: string
  readonly pin: string
  port(transport: 'tls' | 'https'): number
}

function stage(): Stage {
  const authority = new FakeAuthority()
  const { cert, key, pin } = authority.issue()
  const ca = join(temporaryFolder('ca'), 'ca.pem')
  writeFileSync(ca, authority.cert)
  let nsd: Nsd
  let forwarder: Forwarder
  let server: Server
  beforeAll(async () => {
    nsd = await Nsd.start()
    forwarder = new Forwarder({ upstreams: [nsd.address], routes: { [ONLY_HERE]: [onlyHere] } })
    const listener = { listen: '127.0.0.1:0', cert, key }
    server = await createServer(forwarder, { tls: listener, https: listener })
  })
  afterAll(async () => {
    await server?.close()
    await forwarder?.close()
    await nsd?.stop()
  })
  return {
    get nsd() {
      return nsd
    },
    ca,
    pin,
    port: (transport) => server.addresses.find((address) => address.transport === transport)!.port,
  }
}

const onlyHere: FunctionUpstream = {
  name: 'only-here',
  exchange: async ({ message }) => {
    const { name } = message.question!
    const here = message.qtype === 1 && name.startsWith('www.')
    return Message.reply(message, here ? { answers: [{ name, type: 'A', ttl: 60, data: '127.0.0.1' }] } : {})
  },
}
