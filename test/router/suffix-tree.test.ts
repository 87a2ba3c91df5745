import assert from 'node:assert/strict'
import { test } from 'vitest'
import { SuffixTree } from '../../src/router/suffix-tree.js'
import { nameToWire } from '../../src/wire/name.js'

function treeOf(...suffixes: string[]): (name: string) => string | null {
  const tree = new SuffixTree<string>()
  for (const suffix of suffixes) assert.ok(tree.add(nameToWire(suffix), suffix, suffix))
  return (name) => tree.find(nameToWire(name), 0)?.value ?? null
}

test.each([
  ['a.example.com', 'example.com'],
  ['example.com', 'example.com'],
  ['EXAMPLE.Com.', 'example.com'],
  ['x.y.deep.example.com', 'deep.example.com'],
  ['notexample.com', 'com'],
  ['example.org', '.'],
  ['.', '.'],
])('%s belongs to %s', (name, suffix) => {
  assert.equal(treeOf('.', 'com', 'example.com', 'deep.example.com')(name), suffix)
})

test('without the root, what no suffix covers is found nowhere', () => {
  const find = treeOf('example.com')
  assert.deepEqual([find('com'), find('.'), find('example.com.evil')], [null, null, null])
})

test('a suffix is added once, whatever its letters’ case', () => {
  const tree = new SuffixTree<number>()
  assert.equal(tree.add(nameToWire('a.example'), 'a.example', 1), true)
  assert.equal(tree.add(nameToWire('A.EXAMPLE'), 'A.EXAMPLE', 2), false)
})

test('octets above 0x7F keep their case, and labels with a dot are their own (RFC 4343; A22, A23)', () => {
  const find = treeOf('\\192.example', 'a\\.b.example', '__proto__.example')
  assert.deepEqual(
    [
      find('\\192.example'),
      find('\\224.example'),
      find('a\\.b.example'),
      find('a.b.example'),
      find('x.__proto__.example'),
      find('toString.example'),
    ],
    ['\\192.example', null, 'a\\.b.example', null, '__proto__.example', null],
  )
})
