import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { parseArguments, wholeNumber } from '../../src/cli/arguments.js'
import { UsageError } from '../../src/cli/command.js'

const SPECS = { listen: { short: 'l', value: 'an address' }, trace: {}, verbose: { short: 'v' } } as const

describe('arguments', () => {
  test('are options and the rest, in any order', () => {
    const args = parseArguments(SPECS, ['a', '-l', '1', '--trace', 'b', '--listen=2', '-l3', '--', '-l'])
    assert.deepEqual(args.positionals, ['a', 'b', '-l'])
    assert.deepEqual(args.all('listen'), ['1', '2', '3'])
    assert.deepEqual([args.has('trace'), args.has('verbose')], [true, false])
    assert.equal(args.one('listen' === 'listen' ? 'trace' : 'listen'), '')
  })

  test.each([
    [['--lisen', 'x'], /option --lisen is not known; did you mean --listen\?/],
    [['-x'], /option -x is not known; known are -l, --listen --trace -v, --verbose/],
    [['-l'], /option -l needs a value: an address/],
    [['-l', '--trace'], /option -l needs a value/],
    [['--listen='], /option --listen needs a value/],
    [['--trace=1'], /option --trace takes no value; got "1"/],
    [['--constructor'], /option --constructor is not known/],
  ] as const)('%j are refused, saying why', (args, message) => {
    assert.throws(
      () => parseArguments(SPECS, args),
      (error) => error instanceof UsageError && message.test(error.message),
    )
  })

  test('that may be given once say so when given twice', () => {
    const args = parseArguments(SPECS, ['-l', '1', '-l', '2'])
    assert.throws(() => args.one('listen'), /--listen is given 2 times/)
  })

  test.each(['', '-1', '1.5', '0', '11', 'ten', '1e1', '99999999999'])('%j is no whole number from 1 to 10', (text) => {
    assert.throws(() => wholeNumber('timeout', text, 1, 10), /--timeout must be a whole number from 1 to 10; got/)
  })
})
