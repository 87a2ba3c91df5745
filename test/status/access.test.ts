import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { serveStatus } from 'headrace/status'
import { describe, test } from 'vitest'
import { Access } from '../../src/status/access.js'
import { forwarderOf, handlerFor, later, TOKEN } from './stage.js'

function from(remoteAddress: string | undefined, headers: Record<string, string> = {}): IncomingMessage {
  return { socket: { remoteAddress }, headers: { host: '127.0.0.1:8053', ...headers } } as never
}
const basic = (password: string) => `Basic ${Buffer.from(`anybody:${password}`).toString('base64')}`

describe('who may look', () => {
  test.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', undefined])(
    '%s may, being on this machine',
    (address) => {
      assert.equal(new Access(null, []).refusalToLook(from(address)), null)
      assert.equal(new Access(TOKEN, []).refusalToLook(from(address)), null)
    },
  )

  test.each(['192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1', '::ffff:7f00:1.example', '127.0.0.1.example'])(
    '%s may not without the token',
    (address) => {
      assert.equal(new Access(null, []).refusalToLook(from(address))?.status, 403)
      assert.equal(new Access(TOKEN, []).refusalToLook(from(address))?.status, 401)
      const access = new Access(TOKEN, [])
      for (const authorization of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`, basic(TOKEN)])
        assert.equal(access.refusalToLook(from(address, { authorization })), null)
      for (const authorization of [
        `Bearer ${TOKEN}x`,
        `Bearer ${TOKEN.slice(1)}`,
        basic('other'),
        'Bearer',
        '',
        'Basic',
        `Token ${TOKEN}`,
      ])
        assert.equal(access.refusalToLook(from(address, { authorization }))?.status, 401)
    },
  )

  test('a proxy on this machine speaks for somebody else', () => {
    for (const header of ['forwarded', 'x-forwarded-for'])
      assert.equal(new Access(TOKEN, []).refusalToLook(from('127.0.0.1', { [header]: 'for=192.0.2.1' }))?.status, 401)
  })

  test.each([
    '127.0.0.1',
    '127.0.0.1:8053',
    '[::1]:8053',
    'localhost',
    'LocalHost:8053',
    'dns.localhost',
    '192.0.2.7:8053',
    'router.lan:80',
    'Router.LAN',
  ])('by the name %s', (host) =>
    assert.equal(new Access(null, ['router.lan']).refusalToLook(from('127.0.0.1', { host })), null),
  )

  test.each([
    'attacker.example',
    'attacker.example:8053',
    'localhost.attacker.example',
    '127.0.0.1.attacker.example',
    '',
    '[::1',
    'router.lan.attacker.example',
  ])('not by the name %j, which may have been made to point here', (host) =>
    assert.equal(new Access(TOKEN, ['router.lan']).refusalToLook(from('127.0.0.1', { host }))?.status, 421),
  )
})

describe('who may act', () => {
  test('only who has the token as a bearer, on this machine too: a browser sends a password by itself', () => {
    const access = new Access(TOKEN, [])
    assert.equal(access.refusalToAct(from('127.0.0.1', { authorization: `Bearer ${TOKEN}` })), null)
    for (const authorization of ['', basic(TOKEN), 'Bearer wrong'])
      assert.equal(access.refusalToAct(from('127.0.0.1', { authorization }))?.status, 401)
    assert.equal(new Access(null, []).refusalToAct(from('127.0.0.1', { authorization: 'Bearer null' }))?.status, 403)
  })

  test.each(['short', 'with space in between', 17, 'tab\tin a longer one'])(
    'a token such as %j is refused, and not shown',
    async (token) => {
      const { forwarder } = forwarderOf('one')
      await assert.rejects(
        serveStatus({ source: forwarder, token: token as string, listen: '127.0.0.1:0' }),
        ({ code, message }) => {
          assert.equal(code, 'ERR_DNS_INVALID_OPTION')
          if (typeof token === 'string') assert.ok(!(message as string).includes(token))
          return true
        },
      )
    },
  )
})

describe('serveStatus', () => {
  test('listens, says where, and closes with a page still watching', async () => {
    const { forwarder } = forwarderOf('one')
    const status = await serveStatus({ source: forwarder, listen: '127.0.0.1:0' })
    assert.match(status.url, /^http:\/\/127\.0\.0\.1:\d+\/$/)
    const { body } = await fetch(`${status.url}events`)
    const reader = body!.pipeThrough(new TextDecoderStream()).getReader()
    let told = ''
    while (!/^data: \{/m.test(told)) told += (await reader.read()).value ?? assert.fail(`ended after ${told}`)
    await status.close()
    await assert.rejects(fetch(status.url))
  })

  test.each(['0.0.0.0:0', '[::]:0', ':0', '192.0.2.1:0'])('listens on %s with a token only', async (listen) => {
    const { forwarder } = forwarderOf('one')
    await assert.rejects(serveStatus({ source: forwarder, listen }), {
      code: 'ERR_DNS_INVALID_OPTION',
      message: /token/,
    })
  })

  test.each(['8053', 'dns.example:8053', '127.0.0.1', '127.0.0.1:99999', '::1:8053', 8053, ''])(
    'refuses to listen on %j',
    async (listen) => {
      const { forwarder } = forwarderOf('one')
      await assert.rejects(serveStatus({ source: forwarder, listen: listen as string }), {
        code: 'ERR_DNS_INVALID_OPTION',
      })
    },
  )

  test('says that a port is taken', async () => {
    const { forwarder } = forwarderOf('one')
    const first = await serveStatus({ source: forwarder, listen: '127.0.0.1:0' })
    later(() => first.close())
    await assert.rejects(serveStatus({ source: forwarder, listen: `127.0.0.1:${first.port}` }), {
      code: 'ERR_DNS_LISTEN',
      message: /EADDRINUSE/,
    })
  })

  test('needs a source', async () => {
    await assert.rejects(serveStatus({} as never), { code: 'ERR_DNS_INVALID_OPTION', message: /source/ })
  })
})

test('a name that is not ours gets 421, and nothing of the page', async () => {
  const { forwarder } = forwarderOf('quad9')
  const { ask } = await handlerFor(forwarder)
  for (const path of ['/', '/status.json', '/events', '/metrics', '/page.js']) {
    const { status, body } = await ask(path, { headers: { host: 'attacker.example' } })
    assert.equal(status, 421)
    assert.doesNotMatch(body, /quad9/)
  }
})
