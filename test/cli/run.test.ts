import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'vitest'
import { run } from '../../src/cli/run.js'
import { headrace } from './stage.js'

describe('headrace', () => {
  test.each([['--help'], ['-h'], ['help']])('%s lists the commands', async (...args) => {
    const { code, stdout } = await headrace(args)
    assert.equal(code, 0)
    for (const command of ['serve', 'query', 'check']) assert.match(stdout, new RegExp(`headrace ${command} `))
  })

  test.each([
    [['serve', '--help'], /--listen/],
    [['help', 'serve'], /--listen/],
    [['query', '-h'], /--trace/],
    [['help', 'query'], /--trace/],
    [['help', 'check'], /Exit codes/],
  ])('%j says more', async (args, text) => {
    const { code, stdout } = await headrace(args)
    assert.equal(code, 0)
    assert.match(stdout, text)
  })

  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
    assert.deepEqual(await headrace(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
  })

  test.each([
    [[], /a command is needed: serve, query, check, top or help/],
    [['sevre'], /command "sevre" is not known; did you mean "serve"\?/],
    [['resolve-everything'], /known are serve, query, check, top and help/],
    [['check'], /check needs the name of a file/],
    [['\u001b[31m'], /command "\?\[31m" is not known/],
  ])('%j exits with 2', async (args, message) => {
    const { code, stderr } = await headrace(args)
    assert.equal(code, 2)
    assert.match(stderr, message)
  })

  test.each([
    [{}, false],
    [{ HEADRACE_DEBUG: '1' }, true],
  ])('prints no stack for an error that nobody expected, with %j as environment', async (env, hasStack) => {
    let stderr = ''
    const broken = (): never => {
      throw new TypeError('broken')
    }
    const code = await run({
      args: ['query', 'a'],
      stdout: { write: broken },
      stderr: { write: (text) => (stderr += text) },
      env,
      signals: { on: broken, removeListener: broken },
      systemServers: broken,
    })
    assert.equal(code, 1)
    assert.match(stderr, /^headrace: broken\n/)
    assert.equal(/\n\s+at /.test(stderr), hasStack)
  })
})
