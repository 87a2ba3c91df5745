import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { DnsError } from '../../src/errors.js'
import { createServer, type ServerCertificate } from '../../src/server/server.js'
import { buildQuery, frame } from '../helpers/raw-dns.js'
import { authority, DohClient, DotClient, issued, serveEncrypted } from './encrypted-stage.js'
import { later, serve, TestRoot } from './stage.js'

const query = buildQuery('x.example', 1)
const other = authority.issue({ commonName: 'other' })
const { cert, key } = issued

function failing(message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof DnsError && error.code === 'ERR_DNS_INVALID_OPTION', String(error))
    assert.match(error.message, message)
    return true
  }
}

/** A folder with `cert` and `key`, removed after the test. */
function files(certificate: ServerCertificate): {
  certFile: string
  keyFile: string
  write: (next: Partial<ServerCertificate>) => void
} {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-'))
  later(() => rmSync(folder, { recursive: true }))
  const names = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') }
  const write = (next: Partial<ServerCertificate>): void => {
    if (next.cert !== undefined) writeFileSync(names.certFile, next.cert)
    if (next.key !== undefined) writeFileSync(names.keyFile, next.key)
  }
  write(certificate)
  return { ...names, write }
}

/** Common name of what the listener shows. */
async function shown(port: number): Promise<string> {
  const client = new DotClient(port)
  await client.secured()
  return String(client.tls.getPeerCertificate().subject.CN)
}

describe('a certificate', () => {
  test('may be text, octets or files', async () => {
    const { certFile, keyFile } = files(issued)
    for (const given of [
      { cert, key },
      { cert: Buffer.from(cert), key: new Uint8Array(Buffer.from(key)) },
      { certFile, keyFile },
      { cert, keyFile },
    ]) {
      const server = await createServer(new TestRoot(), { tls: { listen: '127.0.0.1:0', ...given } })
      later(() => server.destroy())
      assert.equal(await shown(server.addresses[0]!.port), 'fake')
    }
  })

  const encrypted = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' },
  })
  test.each([
    [{ cert: 'nonsense', key }, /"tls\.cert" is no certificate in PEM: /],
    [{ cert: key, key }, /"tls\.cert" is no certificate in PEM: /],
    [{ cert, key: 'nonsense' }, /"tls\.key" is no private key in PEM: /],
    [{ cert, key: cert }, /"tls\.key" is no private key in PEM: /],
    [{ cert, key: encrypted.publicKey }, /"tls\.key" is no private key in PEM: /],
    [{ cert, key: encrypted.privateKey }, /"tls\.key" is no private key in PEM: /],
    [{ cert, key: other.key }, /"tls\.key" is not the key of tls\.cert$/],
    [{ certFile: '/nonexistent/cert.pem', key }, /"tls\.certFile" cannot be read: ENOENT/],
    [{ cert, keyFile: '/' }, /"tls\.keyFile" cannot be read: EISDIR/],
  ])('that cannot be used is refused, saying which half and why (%#)', async (given, message) => {
    await assert.rejects(createServer(new TestRoot(), { tls: { listen: '127.0.0.1:0', ...given } }), failing(message))
  })

  test('of HTTPS that cannot be used leaves nothing open', async () => {
    const { server } = await serve(new TestRoot())
    const { host } = server.addresses[0]!
    server.destroy()
    await server.close()
    const options = { listen: host, https: { listen: '127.0.0.1:0', cert, key: other.key } }
    await assert.rejects(createServer(new TestRoot(), options), failing(/"https\.key"/))
    const again = await createServer(new TestRoot(), { listen: host })
    again.destroy()
  })
})

describe('reloadCertificates()', () => {
  test('shows what the files hold now to who connects from now on; open connections go on', async () => {
    const { write, ...names } = files(issued)
    const fromFiles = { ...names, cert: undefined, key: undefined } as never
    const { server, tls, https } = await serveEncrypted(new TestRoot(), { tls: fromFiles, https: fromFiles })
    const dot = new DotClient(tls)
    const doh = new DohClient(https)
    await Promise.all([dot.secured(), doh.get(query)])
    write(other)
    assert.equal(await shown(tls), 'fake')
    await server.reloadCertificates()
    assert.equal(await shown(tls), 'other')
    const fresh = new DohClient(https)
    await fresh.get(query)
    assert.match(JSON.stringify((fresh.session.socket as DotClient['tls']).getPeerCertificate().subject), /other/)
    dot.socket.write(frame(query))
    assert.ok((await dot.next()) !== null)
    assert.equal((await doh.get(query)).status, 200)
  })

  test('ends resumption of older sessions, so that nobody is spared the sight of the new one', async () => {
    const { server, tls } = await serveEncrypted(new TestRoot())
    const first = new DotClient(tls)
    const session = await new Promise<Buffer>((resolve) => first.tls.once('session', resolve))
    server.setCertificate('tls', other)
    const second = new DotClient(tls, { session })
    await second.secured()
    assert.equal(second.tls.isSessionReused(), false)
    assert.equal(second.tls.getPeerCertificate().subject.CN, 'other')
  })

  test('keeps all that is there when one cannot be used', async () => {
    const good = files(issued)
    const bad = files(issued)
    const from = ({ certFile, keyFile }: typeof good) =>
      ({ certFile, keyFile, cert: undefined, key: undefined }) as never
    const { server, tls } = await serveEncrypted(new TestRoot(), { tls: from(good), https: from(bad) })
    good.write(other)
    bad.write({ cert: other.cert })
    await assert.rejects(server.reloadCertificates(), failing(/"https\.key" is not the key of https\.cert/))
    assert.equal(await shown(tls), 'fake')
    bad.write({ key: other.key })
    await server.reloadCertificates()
    assert.equal(await shown(tls), 'other')
  })

  test('leaves alone what did not come from files, and servers without', async () => {
    const { server, tls } = await serveEncrypted(new TestRoot())
    server.setCertificate('tls', other)
    await server.reloadCertificates()
    assert.equal(await shown(tls), 'other')
    await (await serve(new TestRoot())).server.reloadCertificates()
  })
})

describe('setCertificate()', () => {
  test('changes one listener and not the other', async () => {
    const { server, tls, https } = await serveEncrypted(new TestRoot())
    server.setCertificate('https', other)
    assert.equal(await shown(tls), 'fake')
    const client = new DohClient(https)
    assert.equal((await client.get(query)).status, 200)
    assert.equal((client.session.socket as DotClient['tls']).getPeerCertificate().subject.CN, 'other')
  })

  test('refuses one that cannot be used, and keeps what was there', async () => {
    const { server, tls } = await serveEncrypted(new TestRoot())
    assert.throws(() => server.setCertificate('tls', { cert, key: other.key }), failing(/"tls\.key" is not the key/))
    assert.throws(() => server.setCertificate('tls', { cert: '', key }), failing(/"tls\.cert" is no certificate/))
    assert.throws(() => server.setCertificate('tls', { cert } as never), failing(/"tls\.key" is missing/))
    for (const wrong of [undefined, null, cert])
      assert.throws(
        () => server.setCertificate('tls', wrong as never),
        failing(/"tls" must be shown .*\{ cert, key \}/),
      )
    assert.equal(await shown(tls), 'fake')
  })

  test('refuses a listener that is not there', async () => {
    const { server } = await serve(new TestRoot())
    assert.throws(() => server.setCertificate('tls', issued), failing(/"tls" was not given/))
    const encrypted = await serveEncrypted(new TestRoot())
    assert.throws(() => encrypted.server.setCertificate('quic', issued), failing(/"quic" was not given/))
  })
})
