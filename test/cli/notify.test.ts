import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { notifySystemd } from '../../src/cli/notify.js'
import { temporaryFolder } from '../helpers/peer.js'

/** A `systemd-notify` that writes down what it was run with. */
function recorder(): { readonly env: NodeJS.ProcessEnv; readonly said: () => readonly string[] } {
  const folder = temporaryFolder('notify')
  const [program, record] = [join(folder, 'systemd-notify'), join(folder, 'record')]
  writeFileSync(program, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> ${record}\n`)
  chmodSync(program, 0o755)
  const said = (): readonly string[] => (existsSync(record) ? readFileSync(record, 'utf8').trimEnd().split('\n') : [])
  return { env: { NOTIFY_SOCKET: '/run/notify', PATH: `${folder}:/bin:/usr/bin` }, said }
}

describe.skipIf(process.platform === 'win32')('notifySystemd', () => {
  test('says each state, in order', async () => {
    const { env, said } = recorder()
    const notify = notifySystemd(env)
    for (const state of ['READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1']) notify(state)
    while (said().length < 4) await new Promise((resolve) => setImmediate(resolve))
    const states = ['READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1']
    assert.deepEqual(said(), states.map((state) => `/run/notify ${state}`)) // prettier-ignore
  })

  test('says nothing where nobody listens, and survives that there is no such program', async () => {
    const { env, said } = recorder()
    notifySystemd({ ...env, NOTIFY_SOCKET: undefined })('READY=1')
    notifySystemd({ NOTIFY_SOCKET: '/run/notify', PATH: '/nowhere' })('READY=1')
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(said(), [])
  })
})
