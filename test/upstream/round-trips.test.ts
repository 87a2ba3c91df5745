import assert from 'node:assert/strict'
import { test } from 'vitest'
import { RoundTrips } from '../../src/upstream/round-trips.js'

/** One that took 10 ms, and then lost `races`, each after 35 ms. */
function afterLosing(races: number): RoundTrips {
  const trips = new RoundTrips()
  for (let at = 0; at < 50; at++) trips.reply(10, at)
  for (let at = 50; at < 50 + races; at++) trips.censored(35, at)
  return trips
}

test('the first reply after five lost races in a row starts afresh, as it does after a failure', () => {
  const trips = afterLosing(5)
  assert.ok(trips.srtt > 20, String(trips.srtt))
  trips.reply(11, 100)
  assert.equal(trips.srtt, 11)
})

test('four lost races in a row are averaged: a server that loses packets has some', () => {
  const trips = afterLosing(4)
  trips.reply(11, 100)
  assert.ok(trips.srtt > 18, String(trips.srtt))
})

test('a reply between lost races begins the count again', () => {
  const trips = afterLosing(4)
  trips.reply(10, 60)
  trips.censored(35, 61)
  trips.reply(10, 62)
  assert.ok(trips.srtt > 15, String(trips.srtt))
})
