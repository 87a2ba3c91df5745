import dns from 'node:dns'

// Before anybody can put something else there.
const { lookup } = dns

/**
 * Throws what `node:dns` throws for arguments that it would not take, by letting it refuse them: the texts are its
 * own, whatever its version.
 *
 * @throws {TypeError} always
 */
export function nodeThrows(call: (resolver: dns.Resolver) => unknown): never {
  const resolver = new dns.Resolver()
  call(resolver)
  resolver.cancel()
  throw new TypeError('invalid argument')
}

/** As {@link nodeThrows}, for the arguments of `lookup` behind the name, or the name where it is no string. */
export function nodeLookupThrows(hostname: unknown, options: unknown, callback: unknown): never {
  lookup(
    typeof hostname === 'string' ? '127.0.0.1' : (hostname as string),
    options as dns.LookupOptions,
    callback as () => void,
  )
  throw new TypeError('invalid argument')
}
