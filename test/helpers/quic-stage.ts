import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FakeAuthority } from 'headrace/testing'
import { afterAll, beforeAll } from 'vitest'
import { DohBackend } from './doh-backend.js'
import { Nsd } from './nsd.js'
import { temporaryFolder } from './peer.js'
import type { Behind } from './quic-peer.js'

/** What interop tests over QUIC have in common; nsd is there from `beforeAll` on. */
export interface QuicStage {
  readonly nsd: Nsd
  readonly authority: FakeAuthority
  /** A file with the certificate to trust. */
  readonly ca: string
  readonly behind: Behind
}

/** Starts it before the tests of a suite, and ends it after them. */
export function quicStage(): QuicStage {
  const authority = new FakeAuthority()
  const credentials = authority.issue()
  const ca = join(temporaryFolder('ca'), 'ca.pem')
  writeFileSync(ca, authority.cert)
  let nsd: Nsd
  let backend: DohBackend
  beforeAll(async () => {
    nsd = await Nsd.start()
    backend = await DohBackend.start(nsd.port)
  })
  afterAll(async () => {
    await backend?.stop()
    await nsd?.stop()
  })
  return {
    get nsd() {
      return nsd
    },
    authority,
    ca,
    get behind() {
      return { dns: nsd.port, doh: backend.port, credentials }
    },
  }
}
