import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os'

/** Network interfaces by name, as `os.networkInterfaces()` lists them. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>

/**
 * The interfaces of this machine; null where the system doesn't tell: some forbid to look (Android, sandboxes), and
 * looking takes a file descriptor, which a busy process may have none left of.
 */
export function readInterfaces(): Interfaces | null {
  try {
    return networkInterfaces()
  } catch {
    return null
  }
}

/** All addresses in a list of interfaces. */
export function addressesOf(interfaces: Interfaces): readonly NetworkInterfaceInfo[] {
  return Object.values(interfaces).flatMap((held) => held ?? [])
}
