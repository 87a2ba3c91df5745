// A program that asks one upstream over a connection by itself, so many questions in flight, each with a name of its own.
// Arguments: variant, port, how many in flight, and after how many answers to say for the first time what they have cost.
// Who is to be trusted stands in NODE_EXTRA_CA_CERTS, for those who can't be told.
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'

const [variant, portText, inFlightText, firstText] = process.argv.slice(2)
const port = Number(portText)
const first = Number(firstText)
const ca = readFileSync(process.env.NODE_EXTRA_CA_CERTS)
const TYPE = 'application/dns-message'
let asked = 0
let done = 0
let failed = 0
let connections = 0
const name = () => `x${((process.pid << 20) + asked++ >>> 0).toString(16).padStart(8, '0')}.example.com` // prettier-ignore

/** What a program without a library would send: the octets that headrace sends, with an OPT, and padded where encrypted. */
const QUESTION = Buffer.from('00000100000100000000000109783030303030303030076578616d706c6503636f6d0000010001', 'hex')
const PADDING = Buffer.concat([Buffer.from('004e000c004a', 'hex'), Buffer.alloc(74)])
const OPT = Buffer.from('00002904d000000000', 'hex')
const TEMPLATE = Buffer.concat([QUESTION, OPT, variant.endsWith('tcp') ? Buffer.alloc(2) : PADDING])
function queryWire(id, at = 0) {
  const query = Buffer.allocUnsafe(at + TEMPLATE.length)
  TEMPLATE.copy(query, at)
  query.writeUInt16BE(id, at)
  query.latin1Write(name(), at + 13, 9)
  return query
}

/** By OpenSSL's name and by its number (RFC 8446, appendix B.4). */
const AES_256 = { ciphersuites: 'TLS_AES_256_GCM_SHA384', suites: [0x1302] }

const VARIANTS = {
  'bare-tcp': bareTcp,
  'bare-tls': bareTls,
  'bare-http2-POST': () => bareHttp2('POST'),
  'bare-http2-GET': () => bareHttp2('GET'),
  'bare-doq': () => bareDoq(),
  'bare-doq-aes': () => bareDoq(AES_256),
  'bare-h3': () => bareH3(),
  'bare-h3-aes': () => bareH3(AES_256),
  'headrace-doq': () => headrace('doq'),
  'headrace-doq-aes': () => headrace('doq', {}, AES_256),
  'headrace-h3': () => headrace('h3'),
  'headrace-h3-aes': () => headrace('h3', {}, AES_256),
  'headrace-tcp': () => headrace('tcp'),
  'headrace-tls': () => headrace('tls'),
  'headrace-POST': () => headrace('https', { method: 'POST' }),
  'headrace-GET': () => headrace('https', { method: 'GET' }),
  'tangerine-POST': () => tangerine('POST'),
  'tangerine-GET': () => tangerine('GET'),
}

async function bareTcp() {
  const net = await import('node:net')
  return overStream(net.connect({ port, host: '127.0.0.1', noDelay: true }), 'connect')
}

async function bareTls() {
  const tls = await import('node:tls')
  return overStream(tls.connect({ port, host: '127.0.0.1', ca, ALPNProtocols: ['dot'] }), 'secureConnect')
}

/** Pipelined. */
function overStream(socket, ready) {
  const waiting = new Map()
  let rest = Buffer.alloc(0)
  let id = 0
  socket.on('data', (chunk) => {
    const octets = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (at + 2 <= octets.length && at + 2 + octets.readUInt16BE(at) <= octets.length) {
      const end = at + 2 + octets.readUInt16BE(at)
      const answered = octets.readUInt16BE(at + 2)
      const next = waiting.get(answered)
      waiting.delete(answered)
      next((octets[at + 5] & 15) === 0 ? null : octets)
      at = end
    }
    rest = octets.subarray(at)
  })
  const ask = (next) => {
    id = (id + 1) & 0xffff
    const query = queryWire(id, 2)
    query.writeUInt16BE(query.length - 2, 0)
    waiting.set(id, next)
    socket.write(query)
  }
  return new Promise((resolve) => socket.once(ready, () => resolve(ask)))
}

async function bareHttp2(method) {
  const http2 = await import('node:http2')
  const session = http2.connect(`https://localhost:${port}`, { ca, host: '127.0.0.1' })
  await new Promise((resolve) => session.once('remoteSettings', resolve))
  const post = { ':method': 'POST', ':path': '/dns-query', 'content-type': TYPE, accept: TYPE, 'content-length': TEMPLATE.length } // prettier-ignore
  return (next) => {
    const query = queryWire(0)
    const stream = session.request(
      method === 'POST'
        ? post
        : { ':method': 'GET', ':path': `/dns-query?dns=${query.toString('base64url')}`, accept: TYPE },
    )
    const parts = []
    let status = 0
    stream.on('response', (head) => (status = head[':status']))
    stream.on('data', (part) => parts.push(part))
    stream.on('error', () => {})
    stream.on('close', () => {
      const body = parts.length === 1 ? parts[0] : Buffer.concat(parts)
      next(status === 200 && (body[3] & 15) === 0 ? null : body)
    })
    if (method === 'POST') stream.end(query)
  }
}

async function bareDoq({ suites } = {}) {
  const { connectBare } = await import('./bare-quic.mjs')
  const askBare = await connectBare({ port, ca, serverName: 'localhost', alpn: 'doq', suites })
  return (next) => {
    const query = queryWire(0, 2)
    query.writeUInt16BE(query.length - 2, 0)
    askBare(query, (reply) => next((reply[5] & 15) === 0 ? null : reply))
  }
}

/** POST, with what is the same each time written once (RFC 9114, section 7.2; RFC 9204, appendix A). */
async function bareH3({ suites } = {}) {
  const { connectBare } = await import('./bare-quic.mjs')
  const text = (head, value) => Buffer.concat([Buffer.from([head, value.length]), Buffer.from(value)])
  const fields = Buffer.concat([
    Buffer.from([0, 0, 0xd4, 0xd7]),
    text(0x50, `localhost:${port}`),
    text(0x51, '/dns-query'),
    Buffer.from([0xec, 0xde]),
    text(0x54, String(TEMPLATE.length)),
  ])
  const length = Buffer.from([0x40 | (TEMPLATE.length >> 8), TEMPLATE.length & 255])
  const head = Buffer.concat([Buffer.from([1, fields.length]), fields, Buffer.from([0]), length])
  const greeting = Buffer.from([0, 4, 0])
  const askBare = await connectBare({ port, ca, serverName: 'localhost', alpn: 'h3', suites, greeting })
  return (next) => {
    askBare(Buffer.concat([head, queryWire(0)]), (response) => {
      const message = contentOf(response)
      next((message[3] & 15) === 0 ? null : response)
    })
  }
}

/** Of a HEADERS and a DATA frame, whose lengths take one octet or two. */
function contentOf(response) {
  let at = 1
  const length = () => {
    const first = response[at++]
    return first < 0x40 ? first : ((first & 0x3f) << 8) | response[at++]
  }
  const fields = length()
  at += fields + 1
  length()
  return response.subarray(at)
}

async function headrace(scheme, options = {}, { ciphersuites } = {}) {
  const { Upstream } = await import('headrace')
  const upstream = new Upstream(`${scheme}://127.0.0.1:${port}`, {
    ...(scheme !== 'tcp' && { tls: { ca, ...(ciphersuites !== undefined && { ciphersuites }) } }),
    ...options,
  })
  upstream.on('connect', () => connections++)
  return (next) => upstream.query(name(), 'A').then(({ rcode }) => next(rcode === 'NOERROR' ? null : rcode), next)
}

async function tangerine(method) {
  const { default: Tangerine } = await import('tangerine')
  const requestOptions = { method, headers: { 'content-type': TYPE, accept: TYPE } }
  const resolver = new Tangerine({ servers: new Set([`127.0.0.1:${port}`]), cache: false, requestOptions })
  return (next) => resolver.resolve4(name()).then(() => next(null), next)
}

const began = performance.now()
const before = process.cpuUsage()
/** What was done since Node itself was ready, and what that has cost. */
function mark() {
  const { user, system } = process.cpuUsage(before)
  process.send({ cpu: user + system, done, failed, connections, at: performance.now() - began })
}

const askOne = await VARIANTS[variant]()
function loop() {
  askOne((error) => {
    done++
    if (error !== null) failed++
    if (done === first) mark()
    loop()
  })
}

process.on('message', mark)
process.on('disconnect', () => process.exit(0))
for (let i = 0; i < Number(inFlightText); i++) loop()
