import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import { test } from 'vitest'
import { FakeAuthority } from '../../src/testing/fake-authority.js'

test('a certificate covers the names and addresses that it was issued for, and its authority signed it', () => {
  const authority = new FakeAuthority()
  const { cert, key } = authority.issue({ names: ['dns.test', '*.wild.test', '192.0.2.1', '2001:db8::1'] })
  const read = new X509Certificate(cert)
  const root = new X509Certificate(authority.cert)
  assert.equal(read.checkHost('dns.test'), 'dns.test')
  assert.equal(read.checkHost('a.wild.test'), '*.wild.test')
  assert.equal(read.checkHost('fake'), undefined)
  assert.equal(read.checkIP('192.0.2.1'), '192.0.2.1')
  assert.equal(read.checkIP('2001:db8::1'), '2001:db8::1')
  assert.ok(read.checkIssued(root) && read.verify(root.publicKey) && root.ca && !read.ca)
  assert.match(key, /BEGIN PRIVATE KEY/)
})

test('an expired certificate says so', () => {
  const { cert } = new FakeAuthority().issue({ notAfter: new Date('2020-01-02T03:04:05Z') })
  assert.equal(Date.parse(new X509Certificate(cert).validTo), Date.parse('2020-01-02T03:04:05Z'))
})

test('node:tls accepts what an authority issued where the authority is trusted', async () => {
  const authority = new FakeAuthority()
  const server = createServer(authority.issue({ names: ['dns.test'] }), (socket) => socket.end('hello')).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  const socket = connect({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    servername: 'dns.test',
    ca: authority.cert,
  })
  assert.equal(String((await once(socket, 'data'))[0]), 'hello')
  socket.destroy()
  server.close()
})

test('authorities of one name are told apart: who trusts both trusts what either issued', async () => {
  const authorities = [new FakeAuthority('twin'), new FakeAuthority('twin')]
  const ca = authorities.map(({ cert }) => cert)
  for (const authority of authorities) {
    const server = createServer(authority.issue(), (socket) => socket.end()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ca })
    await once(socket, 'secureConnect')
    assert.equal(socket.authorized, true)
    socket.destroy()
    server.close()
  }
})

test('a self-signed certificate covers its names, and no authority vouches for it', () => {
  const { cert, pin, hash } = FakeAuthority.selfSigned({ names: ['dns.test'], commonName: 'itself' })
  const read = new X509Certificate(cert)
  assert.equal(read.checkHost('dns.test'), 'dns.test')
  assert.ok(read.checkIssued(read) && read.verify(read.publicKey))
  assert.equal(read.issuer, 'CN=itself')
  assert.deepEqual([pin.length, hash.length], [44, 64])
})

test('every serial number can be read, and no two are the same', () => {
  const authority = new FakeAuthority()
  const serials = Array.from({ length: 600 }, () => new X509Certificate(authority.issue().cert).serialNumber)
  assert.equal(new Set(serials).size, 600)
})
