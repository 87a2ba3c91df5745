import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { isBuiltIn, loadTransport } from '../../src/transport/transports.js'
import { optionsFor } from './support.js'
import { settingsFor } from './tls-support.js'

describe('transports by name', () => {
  test.each(['udp', 'tcp', 'tls', 'https'] as const)('%s is built in and opens nothing by itself', async (name) => {
    assert.equal(isBuiltIn(name), true)
    const make = await loadTransport(name)
    const transport = make(optionsFor(53, { tls: settingsFor() }))
    assert.equal(transport.size, 0)
    await transport.close()
  })

  test.each(['doq', 'h3'] as const)('%s says that it is not built in yet', async (name) => {
    assert.equal(isBuiltIn(name), false)
    await assert.rejects(loadTransport(name), {
      code: 'ERR_DNS_CONNECT',
      message: `transport ${name} is not built in yet; built in are udp, tcp, tls, https`,
    })
  })
})
