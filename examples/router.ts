// Names to where they belong: the longest suffix wins. Runs without a network:
//
//   npx tsx examples/router.ts
import { Router } from 'headrace'
import { FakeUpstream } from 'headrace/testing'

const office = new FakeUpstream('office')
const home = new FakeUpstream('home', 'refused') // out of reach today
const internet = new FakeUpstream('internet')

const router = new Router({
  routes: {
    'corp.internal': office,
    'public.corp.internal': internet, // more labels, so it wins
    lan: { to: home, leak: true }, // when it fails, the default may be asked
    'ads.example': { action: 'nxdomain' },
    'private.example': { action: 'refuse' },
  },
  default: internet,
})

for (const name of [
  'www.example',
  'wiki.corp.internal',
  'notcorp.internal', // whole labels only
  'shop.public.corp.internal',
  'printer.lan',
  'banner.ads.example',
  'private.example',
]) {
  const { rcode, upstream } = await router.query(name, 'A')
  console.log(name.padEnd(26), rcode.padEnd(9), upstream === null ? 'answered here' : `from ${upstream}`)
}

// What a route covers stays with it: when the office can't be reached, the internet isn't asked for its names.
office.script = 'refused'
const asked = internet.asked
await router.query('wiki.corp.internal', 'A').catch((error: Error) => console.log(error.message))
console.log('the internet was asked', internet.asked - asked, 'times')
