import assert from 'node:assert/strict'
import dns, { type LookupAddress } from 'node:dns'
import { networkInterfaces } from 'node:os'
import { promisify } from 'node:util'
import { InvalidOptionError, Resolver, type LookupOptions, type ResolverError } from 'headrace'
import { describe, test } from 'vitest'
import { Stage, type Zone } from './stage.js'

const SITE: Zone = { 'site.example A': ['192.0.2.1', '192.0.2.2'], 'site.example AAAA': ['2001:db8::1'] }
const four = (...addresses: string[]): LookupAddress[] => addresses.map((address) => ({ address, family: 4 }))
const six = (...addresses: string[]): LookupAddress[] => addresses.map((address) => ({ address, family: 6 }))
const outer = Object.values(networkInterfaces()).flatMap((entries) => (entries ?? []).filter((one) => !one.internal))
const has = (family: string): boolean => outer.some((one) => one.family === family)

const code = (expected: string) => (error: unknown) => (error as ResolverError).code === expected

describe('what is asked and in which order it comes', () => {
  const CASES: readonly (readonly [what: string, options: LookupOptions, found: LookupAddress[], asked: string[]])[] = [
    ['both families, IPv4 first', { order: 'ipv4first' }, [...four('192.0.2.1', '192.0.2.2'), ...six('2001:db8::1')], ['A', 'AAAA']],
    ['both families, IPv6 first', { order: 'ipv6first' }, [...six('2001:db8::1'), ...four('192.0.2.1', '192.0.2.2')], ['A', 'AAAA']],
    ['not verbatim: IPv4 first', { verbatim: false }, [...four('192.0.2.1', '192.0.2.2'), ...six('2001:db8::1')], ['A', 'AAAA']],
    ['order counts for more than verbatim', { verbatim: false, order: 'ipv6first' }, [...six('2001:db8::1'), ...four('192.0.2.1', '192.0.2.2')], ['A', 'AAAA']],
    ['IPv4 alone', { family: 4 }, four('192.0.2.1', '192.0.2.2'), ['A']],
    ['IPv4 by name', { family: 'IPv4' }, four('192.0.2.1', '192.0.2.2'), ['A']],
    ['IPv6 alone', { family: 6 }, six('2001:db8::1'), ['AAAA']],
    ['IPv6 by name', { family: 'IPv6' }, six('2001:db8::1'), ['AAAA']],
    ['V4MAPPED where there is IPv6', { family: 6, hints: dns.V4MAPPED }, six('2001:db8::1'), ['A', 'AAAA']],
    ['V4MAPPED and ALL', { family: 6, hints: dns.V4MAPPED | dns.ALL }, six('2001:db8::1', '::ffff:192.0.2.1', '::ffff:192.0.2.2'), ['A', 'AAAA']],
    ['ALL alone', { family: 6, hints: dns.ALL }, six('2001:db8::1'), ['AAAA']],
    ['V4MAPPED where IPv4 is wanted', { family: 4, hints: dns.V4MAPPED }, four('192.0.2.1', '192.0.2.2'), ['A']],
  ] // prettier-ignore

  test.each(CASES)('%s', async (_what, options, found, asked) => {
    const stage = new Stage(SITE)
    assert.deepEqual(await stage.run(stage.resolver.lookup('site.example', { ...options, all: true })), found)
    assert.deepEqual(stage.asked, asked.map((type) => `site.example ${type}`)) // prettier-ignore
    assert.deepEqual(await stage.run(stage.resolver.lookup('site.example', options)), found[0])
    assert.equal(stage.clock.pending, 0)
  })

  test('V4MAPPED maps where there is no IPv6', async () => {
    const stage = new Stage({ 'old.example A': ['192.0.2.1'], 'old.example AAAA': [] })
    const options = { family: 6, hints: dns.V4MAPPED } as const
    assert.deepEqual(await stage.run(stage.resolver.lookup('old.example', options)), six('::ffff:192.0.2.1')[0])
  })

  test('ADDRCONFIG asks for no family that this machine has no address in, unless it has none at all', async () => {
    const stage = new Stage(SITE)
    await stage.run(stage.resolver.lookup('site.example', { hints: dns.ADDRCONFIG }))
    const asked = [...(has('IPv4') || !has('IPv6') ? ['A'] : []), ...(has('IPv6') || !has('IPv4') ? ['AAAA'] : [])]
    assert.deepEqual(stage.asked, asked.map((type) => `site.example ${type}`)) // prettier-ignore
  })

  test.each([undefined, null, 0, {}, { family: 0, hints: 0, all: false }, { family: null, all: null }])(
    'options %j are none',
    async (options) => {
      const stage = new Stage(SITE)
      const { address } = await stage.run(
        stage.resolver.lookup('site.example', options as LookupOptions & { all: false }),
      )
      assert.match(address, /^(192\.0\.2\.1|2001:db8::1)$/)
    },
  )

  test('a name that isn’t ASCII is asked for in its ASCII form, and named in errors as it was given', async () => {
    const stage = new Stage({ 'xn--bcher-kva.example A': ['192.0.2.3'] }, { search: ['one.example'] })
    assert.deepEqual(await stage.run(stage.resolver.lookup('bücher。example', 4)), four('192.0.2.3')[0])
    const { hostname } = await stage.run(rejected(stage.resolver.lookup('größe.example', 4)))
    assert.equal(hostname, 'größe.example')
    assert.deepEqual(stage.asked, ['xn--bcher-kva.example A', 'xn--gre-6ka8i.example A', 'xn--gre-6ka8i.example.one.example A']) // prettier-ignore
  })

  test('search domains are tried as resolv.conf has it', async () => {
    const stage = new Stage({ 'host.two.example A': ['192.0.2.3'] }, { search: ['one.example', 'two.example.'] })
    assert.deepEqual(await stage.run(stage.resolver.lookup('host', 4)), four('192.0.2.3')[0])
    assert.deepEqual(stage.asked, ['host.one.example A', 'host.two.example A'])
  })
})

describe('what is known without asking', () => {
  test.each([
    ['127.0.0.1', 6, four('127.0.0.1')],
    ['::1', 4, six('::1')],
    ['fe80::1%lo', 0, six('fe80::1%lo')],
    ['localhost', 0, [...four('127.0.0.1'), ...six('::1')]],
    ['LocalHost.', 4, four('127.0.0.1')],
    ['a.b.localhost', 6, six('::1')],
    ['ｌｏｃａｌｈｏｓｔ', 4, four('127.0.0.1')],
    ['localhost。', 4, four('127.0.0.1')],
    ['１２７.0.0.1', 0, four('127.0.0.1')],
    ['192。0.2.１', 0, four('192.0.2.1')],
  ] as const)('%s with family %d', async (name, family, found) => {
    const stage = new Stage()
    assert.deepEqual(await stage.run(stage.resolver.lookup(name, { family, all: true })), found)
    assert.deepEqual(stage.asked, [])
  })

  test('a name that only ends like localhost is asked for', async () => {
    const stage = new Stage({ 'notlocalhost A': ['192.0.2.1'] })
    assert.deepEqual(await stage.run(stage.resolver.lookup('notlocalhost', 4)), four('192.0.2.1')[0])
  })
})

describe('failures look like those of getaddrinfo', () => {
  const FAILURES: readonly (readonly [what: string, zone: Zone, code: string, errno: number])[] = [
    ['neither family is there', {}, 'ENOTFOUND', -3008],
    ['no records of either', { 'site.example': [] }, 'ENOTFOUND', -3008],
    ['SERVFAIL', { 'site.example': { rcode: 'SERVFAIL' } }, 'EAI_AGAIN', -3001],
    ['REFUSED', { 'site.example': { rcode: 'REFUSED' } }, 'EAI_AGAIN', -3001],
    ['silence', { 'site.example': 'silent' }, 'EAI_AGAIN', -3001],
    ['no connection', { 'site.example': 'refused' }, 'EAI_AGAIN', -3001],
    ['one family absent, the other failing', { 'site.example A': [], 'site.example AAAA': { rcode: 'SERVFAIL' } }, 'EAI_AGAIN', -3001],
    ['an alias that leads nowhere', { 'site.example': { answers: [{ type: 'CNAME', data: 'gone.example' }] } }, 'ENOTFOUND', -3008],
  ] // prettier-ignore

  test.each(FAILURES)('%s', async (_what, zone, code, errno) => {
    const stage = new Stage(zone)
    const { message, name, syscall, hostname, ...rest } = await stage.run(
      rejected(stage.resolver.lookup('site.example')),
    )
    assert.deepEqual([message, name, syscall, hostname], [`getaddrinfo ${code} site.example`, 'Error', 'getaddrinfo', 'site.example']) // prettier-ignore
    assert.deepEqual([rest.code, rest.errno], [code, errno])
    assert.equal(stage.clock.pending, 0)
  })

  test.each(['a..b', `${'x'.repeat(64)}.example`, 'a b', 'x.onion', '.', ''])('%j is no name to ask for: ENOTFOUND', async (name) => {
    const stage = new Stage()
    await assert.rejects(stage.run(stage.resolver.lookup(name)), code('ENOTFOUND'))
    assert.deepEqual(stage.asked, name === '.' ? ['. A', '. AAAA'] : [])
  }) // prettier-ignore

  test('they say more: who replied, with which RCODE and extended error', async () => {
    const stage = new Stage({ 'site.example': { rcode: 'SERVFAIL' } })
    const error = await stage.run(rejected(stage.resolver.lookup('site.example')))
    assert.deepEqual([error.upstream, error.rcode, error.ede, error.cause], ['fake', 'SERVFAIL', [], undefined])
  })

  test('without a reply the cause says why', async () => {
    const stage = new Stage({ 'site.example': 'silent' })
    const error = await stage.run(rejected(stage.resolver.lookup('site.example')))
    assert.deepEqual([error.rcode, (error.cause as { code: string }).code], [null, 'ERR_DNS_TIMEOUT'])
  })

  test.each([
    ['A', 'AAAA', { rcode: 'SERVFAIL' }],
    ['AAAA', 'A', 'refused'],
    ['A', 'AAAA', 'silent'],
    ['AAAA', 'A', { rcode: 'NXDOMAIN' }],
  ] as const)('%s is enough where %s fails: %j', async (good, bad, behaviour) => {
    const address = good === 'A' ? '192.0.2.1' : '2001:db8::1'
    const stage = new Stage({ [`site.example ${good}`]: [address], [`site.example ${bad}`]: behaviour })
    assert.equal((await stage.run(stage.resolver.lookup('site.example'))).address, address)
  })

  test.each([{}, { all: true }])('an empty list is never an answer: %j', async (options) => {
    const stage = new Stage({ 'site.example': [] })
    await assert.rejects(stage.run(stage.resolver.lookup('site.example', options as LookupOptions)), code('ENOTFOUND'))
    await assert.rejects(
      stage.run(stage.resolver.lookup(undefined as never, options as LookupOptions)),
      code('ENOTFOUND'),
    )
    for (const falsy of [0, false, null, NaN])
      await assert.rejects(stage.resolver.lookup(falsy as never, options as LookupOptions), code('ENOTFOUND'))
  })
})

describe('callbacks', () => {
  const called = (stage: Stage, ...args: readonly unknown[]): Promise<unknown[]> =>
    stage.run(
      new Promise((resolve) => {
        let returned = false
        ;(stage.resolver.lookup as (...args: readonly unknown[]) => void)(...args, (...told: unknown[]) => {
          assert.ok(returned, 'called before lookup returned')
          resolve(told)
        })
        returned = true
      }),
    )

  test.each(['site.example', '192.0.2.9', 'localhost', 'nowhere.example', '', 'a..b'])('%j is never told of before the call has returned', async (name) => {
    await called(new Stage(SITE), name)
  }) // prettier-ignore

  test('options may be left out, or be a family: dgram passes a number', async () => {
    assert.deepEqual(await called(new Stage(SITE), 'site.example', 4), [null, '192.0.2.1', 4])
    assert.deepEqual(await called(new Stage(SITE), 'site.example', 6), [null, '2001:db8::1', 6])
    assert.equal((await called(new Stage(SITE), 'site.example')).length, 3)
  })

  test('with all they are told a list of their own', async () => {
    const stage = new Stage(SITE)
    const [error, list] = await called(stage, 'localhost', { all: true })
    assert.equal(error, null)
    ;(list as LookupAddress[]).length = 0
    assert.deepEqual(await called(stage, 'localhost', { all: true, family: 4 }), [null, four('127.0.0.1')])
  })

  test('an error comes alone', async () => {
    const told = await called(new Stage(), 'nowhere.example')
    assert.deepEqual([told.length, (told[0] as ResolverError).code], [1, 'ENOTFOUND'])
  })

  test('promisify makes of it what it makes of dns.lookup', async () => {
    const stage = new Stage(SITE)
    const lookup = promisify(stage.resolver.lookup as unknown as typeof dns.lookup)
    assert.deepEqual(await stage.run(lookup('site.example', { family: 4 })), { address: '192.0.2.1', family: 4 })
    assert.deepEqual(await stage.run(lookup('site.example', { family: 6, all: true })), six('2001:db8::1'))
  })

  test('callbacks.lookup is the same', () => {
    const { resolver } = new Stage()
    assert.equal(resolver.callbacks.lookup, resolver.lookup)
  })
})

describe('arguments', () => {
  const { lookup } = new Resolver('127.0.0.1:9')
  const noop = (): void => undefined
  const thrown = (call: (...args: never[]) => unknown, args: readonly unknown[]): unknown[] => {
    try {
      void call(...(args as never[]))
    } catch (error) {
      const { name, message, code } = error as NodeJS.ErrnoException
      return [name, message, code]
    }
    return assert.fail('nothing is thrown')
  }

  test.each([
    ['a', 5, noop],
    ['a', 'x', noop],
    ['a', 'IPv4', noop],
    ['a', true, noop],
    ['a', { family: 5 }, noop],
    ['a', { family: '4' }, noop],
    ['a', { hints: 1 }, noop],
    ['a', { hints: 'x' }, noop],
    ['a', { all: 1 }, noop],
    ['a', { order: 'x' }, noop],
    ['a', { verbatim: 1 }, noop],
    [5, noop],
    [{}, {}, noop],
    [true, noop],
    ['a', {}, 5],
    ['a', {}, null],
    ['a', 4, 'x'],
  ])('lookup(%j, %j) throws what dns.lookup throws', (...args) => {
    // prettier-ignore
    assert.deepEqual(thrown(lookup, args), thrown(dns.lookup, args))
  })

  test.each([[5], ['a', 5], ['a', 'x'], ['a', { family: 5 }], ['a', { all: 'yes' }], ['a', { hints: 4096 }]])(
    'without a callback lookup(%j, %j) throws what dns.promises.lookup throws',
    (...args) => {
      assert.deepEqual(thrown(lookup, args), thrown(dns.promises.lookup, args))
    },
  )
})

describe('ending early', () => {
  test('cancel() ends it with EAI_CANCELED, and what it asked', async () => {
    const stage = new Stage({ 'site.example': 'silent' })
    const error = rejected(stage.resolver.lookup('site.example'))
    stage.resolver.cancel()
    assert.deepEqual([(await error).code, (await error).errno], ['EAI_CANCELED', -3003])
    assert.deepEqual([stage.upstream.cancelled, stage.clock.pending], [2, 0])
  })

  test('so does a signal, before and during', async () => {
    for (const isEarly of [true, false]) {
      const stage = new Stage({ 'site.example': 'silent' })
      const controller = new AbortController()
      if (isEarly) controller.abort('enough')
      const error = rejected(stage.resolver.lookup('site.example', { signal: controller.signal }))
      controller.abort('enough')
      const { code, cause } = await error
      assert.deepEqual([code, (cause as Error).cause], ['EAI_CANCELED', 'enough'])
      assert.deepEqual([stage.asked.length, stage.clock.pending], [isEarly ? 0 : 2, 0])
    }
  })

  test('after destroy() names aren’t asked for, and IP addresses still are what they are', async () => {
    const stage = new Stage(SITE)
    const under = rejected(stage.resolver.lookup('site.example'))
    stage.resolver.destroy()
    assert.equal((await under).code, 'EAI_CANCELED')
    assert.equal((await rejected(stage.resolver.lookup('site.example'))).code, 'EAI_AGAIN')
    assert.deepEqual(await stage.resolver.lookup('192.0.2.7'), four('192.0.2.7')[0])
  })
})

test('the option hosts is a path or false', () => {
  for (const hosts of [true, '', 5])
    assert.throws(() => new Resolver('127.0.0.1', { hosts: hosts as never }), InvalidOptionError)
})

async function rejected(promise: Promise<unknown>): Promise<ResolverError> {
  return promise.then(
    () => assert.fail('it resolves'),
    (error: unknown) => error as ResolverError,
  )
}
