import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { loadTransport } from '../../src/transport/transports.js'
import { optionsFor } from './support.js'
import { settingsFor } from './tls-support.js'

describe('transports by name', () => {
  test.each(['udp', 'tcp', 'tls', 'https', 'doq', 'h3'] as const)('%s opens nothing by itself', async (name) => {
    const make = await loadTransport(name)
    const transport = make(optionsFor(53, { tls: settingsFor() }))
    assert.equal(transport.size, 0)
    await transport.close()
  })
})
