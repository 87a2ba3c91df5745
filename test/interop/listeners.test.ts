import assert from 'node:assert/strict'
import { createServer, Forwarder, type Server } from 'headrace'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { missingPrograms } from '../helpers/debian-root.js'
import { TYPEABLE } from '../helpers/digs.js'
import { richQuestions, type Question } from '../helpers/nsd.js'
import { missing, temporaryFolder, title } from '../helpers/peer.js'
import { curl, CURLS, dnspython, kdigOverQuic, kdigOverTcp, KDIGS, quicGo } from '../helpers/quic-clients.js'
import { quicStage, type QuicStage } from '../helpers/quic-stage.js'
import { askTcp, buildQuery, comparable, typeNumber } from '../helpers/raw-dns.js'

const HUGE: Question = { name: 'huge.rich.example', type: 'TXT' }

for (const kdig of KDIGS) {
  const reason = missing('nsd') ?? missingPrograms(kdig)
  describe.skipIf(reason !== null)(title(`${kdig} against our DoQ listener in front of nsd`, reason), () => {
    const ours = stage('doq')

    test('sees what it sees when it asks nsd over TCP', { timeout: 60_000 }, async () => {
      for (const question of [...TYPEABLE, HUGE]) {
        const direct = await kdigOverTcp(kdig, ours.nsd.port, question)
        assert.equal(await kdigOverQuic(kdig, { port: ours.port('doq'), ca: ours.ca }, question), direct)
      }
    })

    test('takes our certificate for no other name (R-DOT-3)', async () => {
      const place = { port: ours.port('doq'), ca: ours.ca, host: 'other.example' }
      assert.match(await kdigOverQuic(kdig, place, TYPEABLE[0]!), /^no session/)
    })
  })
}

const python = missing('nsd') ?? missingPrograms('python')
describe.skipIf(python !== null)(title('dnspython against our DoQ listener in front of nsd', python), () => {
  const ours = stage('doq')

  test('gets over QUIC what it gets over TCP, of every type', { timeout: 60_000 }, async () => {
    const questions = [...TYPEABLE, HUGE]
    const { equal, others } = await dnspython('doq', place(ours, 'doq'), questions, 1)
    assert.deepEqual(others, [])
    assert.equal(equal, questions.length)
  })

  test('gets 600 replies with 50 in flight on one connection', { timeout: 60_000 }, async () => {
    const questions = Array.from({ length: 600 }, (_, i) => ({ name: `h${i}.load.example`, type: 'A' }))
    const { equal, others } = await dnspython('doq', place(ours, 'doq'), questions, 50)
    assert.deepEqual(others, [])
    assert.equal(equal, 600)
  })
})

const go = missing('nsd') ?? missingPrograms('quic-go client')
describe.skipIf(go !== null)(title('quic-go against our DoQ listener in front of nsd', go), () => {
  const ours = stage('doq')

  test('gets 2,500 replies with 50 in flight, and resumes its session', { timeout: 60_000 }, async () => {
    const results = await quicGo(place(ours, 'doq'), { queries: 2500, flight: 50, connections: 2 })
    assert.deepEqual(results.map(({ answered, failed, first }) => ({ answered, failed, first })), [
      { answered: 2500, failed: 0, first: '' },
      { answered: 2500, failed: 0, first: '' },
    ]) // prettier-ignore
    assert.deepEqual(results.map(({ resumed }) => resumed), [false, true]) // prettier-ignore
  })

  test('gets its replies with 500 in flight, which is more than we let it have', { timeout: 60_000 }, async () => {
    const [result] = await quicGo(place(ours, 'doq'), { queries: 3000, flight: 500, connections: 1 })
    assert.deepEqual([result!.answered, result!.first], [3000, ''])
  })
})

const web = missing('nsd') ?? missingPrograms('python')
describe.skipIf(web !== null)(title('dnspython against our HTTP/3 listener in front of nsd', web), () => {
  const ours = stage('h3')

  test.each(['GET', 'POST'] as const)('gets by %s what it gets over TCP', { timeout: 60_000 }, async (way) => {
    const questions = [...TYPEABLE, HUGE]
    const { equal, others } = await dnspython(way, place(ours, 'h3'), questions, 5)
    assert.deepEqual(others, [])
    assert.equal(equal, questions.length)
  })
})

for (const client of CURLS) {
  const reason = missing('nsd') ?? missingPrograms(client)
  describe.skipIf(reason !== null)(title(`${client} against our HTTP/3 listener in front of nsd`, reason), () => {
    const ours = stage('h3')

    test.each(['GET', 'POST'] as const)('gets the octets by %s', { timeout: 60_000 }, async (method) => {
      for (const { name, type } of [...richQuestions(), HUGE]) {
        const query = buildQuery(name, typeNumber(type), { id: 0 })
        const direct = await askTcp(ours.nsd.port, query)
        const { body, printed, ran } = await curl(client, { port: ours.port('h3'), ca: ours.ca }, query, { method })
        assert.equal(printed, '3 200 application/dns-message', `${name} ${type}: ${ran.stderr}`)
        assert.equal(comparable(body).toString('hex'), comparable(direct!).toString('hex'), `${name} ${type}`)
      }
    })

    test('is told what is wrong with a request', async () => {
      const place = { port: ours.port('h3'), ca: ours.ca }
      const print = '%{http_version} %{http_code}'
      const query = buildQuery('a.rich.example', 1)
      assert.equal((await curl(client, place, query, { method: 'POST', type: 'text/plain', print })).printed, '3 415')
      assert.equal((await curl(client, place, Buffer.from('short'), { print })).printed, '3 400')
    })

    test('comes to HTTP/3 by the Alt-Svc of the DoH listener (RFC 7838)', async () => {
      const place = { port: ours.port('https'), ca: ours.ca }
      const memory = `${temporaryFolder('alt-svc')}/alt-svc`
      const query = buildQuery('a.rich.example', 1, { id: 0 })
      const print = '%{http_version} %header{alt-svc}'
      const flags = ['--http2', '--alt-svc', memory]
      const first = await curl(client, place, query, { flags, print })
      assert.match(first.printed, new RegExp(`^2 h3=":${place.port}"; ma=\\d+$`), first.ran.stderr)
      const second = await curl(client, place, query, { flags: ['--alt-svc', memory], print })
      assert.match(second.printed, /^3 /, second.ran.stderr)
      assert.deepEqual(second.body.length, first.body.length)
    })
  })
}

interface Stage extends QuicStage {
  port(transport: 'doq' | 'h3' | 'https'): number
}

function place(ours: Stage, transport: 'doq' | 'h3'): { port: number; straight: number; ca: string } {
  return { port: ours.port(transport), straight: ours.nsd.port, ca: ours.ca }
}

/** Our listener in front of nsd: for DNS over QUIC, or the one for DNS over HTTPS, which speaks HTTP/3 too. */
function stage(scheme: 'doq' | 'h3'): Stage {
  const common = quicStage()
  const { cert, key } = common.authority.issue()
  let forwarder: Forwarder
  let server: Server
  beforeAll(async () => {
    forwarder = new Forwarder([common.nsd.address])
    const listener = { listen: '127.0.0.1:0', cert, key }
    const options = scheme === 'doq' ? { quic: listener } : { https: { ...listener, http3: true } }
    server = await createServer(forwarder, options)
  })
  afterAll(async () => {
    await server?.close()
    await forwarder?.close()
  })
  return {
    get nsd() {
      return common.nsd
    },
    authority: common.authority,
    ca: common.ca,
    get behind() {
      return common.behind
    },
    port: (transport) => server.addresses.find((address) => address.transport === transport)!.port,
  }
}
