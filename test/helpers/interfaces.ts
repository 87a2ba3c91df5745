import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { onTestFinished } from 'vitest'

/** Replaces `os.networkInterfaces()` until the end of the test. */
export function readInterfacesBy(read: typeof os.networkInterfaces): void {
  const original = os.networkInterfaces
  put(read)
  onTestFinished(() => put(original))
}

/** As Android and sandboxes have it, and a process without a free file descriptor. */
export function noInterfaces(): never {
  throw Object.assign(new Error('A system error occurred: uv_interface_addresses returned EMFILE'), {
    code: 'ERR_SYSTEM_ERROR',
  })
}

function put(read: typeof os.networkInterfaces): void {
  os.networkInterfaces = read
  syncBuiltinESMExports()
}
