// What an Electron application tells headrace of the network. Electron itself is played here by two emitters, so that
// this runs anywhere, without a network:
//
//   npx tsx examples/electron-network.ts
import { EventEmitter } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { Forwarder } from 'headrace'
import { FakeServer } from 'headrace/testing'

// In the main process: import { app, ipcMain, powerMonitor } from 'electron'
const powerMonitor = new EventEmitter()
const ipcMain = new EventEmitter()

const server = await FakeServer.listen()
const forwarder = new Forwarder([`tcp://${server.address}|home`])
const [upstream] = forwarder.upstreams
upstream!.on('connect', () => console.log('  connected'))
upstream!.on('disconnect', ({ reason }) => console.log(`  disconnected: ${reason}`))

// The machine woke up: its connections are dead, though they don't know it yet.
powerMonitor.on('resume', () => forwarder.networkChanged('resume'))
// A renderer hears of a network first. In its preload script:
//   addEventListener('online', () => ipcRenderer.send('online'))
ipcMain.on('online', () => forwarder.networkChanged('online'))
// app.on('will-quit', () => forwarder.destroy())

console.log('a query opens a connection')
await forwarder.query('first.example')

console.log('asleep with a query under way, which the server never gets to answer')
server.faults = [{ kind: 'drop' }]
const query = forwarder.query('second.example')
while (!server.queries.some(({ name }) => name === 'second.example')) await setImmediate()
server.faults = []

console.log('awake')
powerMonitor.emit('resume')
console.log(`${(await query).rcode}, over a fresh connection`)

console.log('on another network')
ipcMain.emit('online')
console.log((await forwarder.query('third.example')).rcode)

await forwarder.close()
await server.close()
