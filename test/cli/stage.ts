import { createSocket, type Socket } from 'node:dgram'
import { EventEmitter } from 'node:events'
import { createServer, type Server } from 'node:net'
import { afterEach } from 'vitest'
import { NOTHING, type PassedSockets } from '../../src/cli/passed-sockets.js'
import { run } from '../../src/cli/run.js'
import { FrameReader, frame } from '../../src/transport/framing.js'
import { Message, type ReplyOptions } from '../../src/wire/message.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Collects what a command prints, and says when something has been. */
class Sink {
  text = ''
  readonly isTTY: boolean
  #waiting: (() => void)[] = []

  constructor(isTTY: boolean) {
    this.isTTY = isTTY
  }

  write(text: string): void {
    this.text += text
    for (const look of this.#waiting.splice(0)) look()
  }

  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text)
      if (match !== null) return match
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }
}

/** A command under way, in this process. */
export interface Running {
  readonly code: Promise<number>
  readonly stdout: Sink
  readonly stderr: Sink
  readonly signals: EventEmitter
}

/** What else a command finds. */
export interface StartOptions {
  readonly systemServers?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly isTTY?: boolean
  readonly notify?: (state: string) => void
  readonly passed?: PassedSockets
}

/** Starts `headrace` with these arguments. */
export function start(args: readonly string[], options: StartOptions = {}): Running {
  const { systemServers = [], env = {}, isTTY = false, notify = () => undefined, passed = NOTHING } = options
  const stdout = new Sink(isTTY)
  const stderr = new Sink(isTTY)
  const signals = new EventEmitter()
  const code = run({ args, stdout, stderr, env, signals, systemServers: () => systemServers, notify, passed })
  return { code, stdout, stderr, signals }
}

/** Starts `headrace` on a terminal. */
export function startOnTerminal(args: readonly string[], options: StartOptions = {}): Running {
  return start(args, { ...options, isTTY: true })
}

/** Runs `headrace` to its end. */
export async function headrace(
  args: readonly string[],
  options = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = start(args, options)
  return { code: await code, stdout: stdout.text, stderr: stderr.text }
}

/** What health checks ask for. */
const PROBE = 'a.root-servers.net'

/** A server on a loopback port that answers everything alike, over UDP and TCP, probes aside; null: not at all. */
export async function upstream(
  answer: (query: Message) => ReplyOptions | null,
): Promise<{ address: string; seen: string[]; held: (() => void)[] }> {
  const seen: string[] = []
  const held: (() => void)[] = []
  const reply = (octets: Buffer, transport: string, send: (octets: Buffer) => void): void => {
    const query = Message.from(octets)
    if (query.question?.name === PROBE) return send(Message.reply(query, {}).wire)
    seen.push(transport)
    const options = answer(query)
    const deliver = (): void => send(Message.reply(query, options ?? {}).wire)
    if (options === null) held.push(deliver)
    else deliver()
  }
  const tcp = createServer((socket) => {
    const reader = new FrameReader()
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) =>
      reader.push(chunk, (octets) => reply(octets, 'tcp', (out) => socket.write(frame(out)))),
    )
    cleanups.push(() => socket.destroy())
  })
  const udp = await onePort(tcp)
  udp.on('message', (octets, { port, address }) => reply(octets, 'udp', (out) => udp.send(out, port, address)))
  cleanups.push(() => udp.close(), () => tcp.close()) // prettier-ignore
  return { address: `127.0.0.1:${udp.address().port}`, seen, held }
}

/** Binds a UDP socket, and `tcp` to the same port, which may take a few tries. */
async function onePort(tcp: Server): Promise<Socket> {
  for (;;) {
    const udp = createSocket('udp4')
    await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve))
    const listens = await new Promise<boolean>((resolve) => {
      tcp.once('error', () => resolve(false))
      tcp.listen(udp.address().port, '127.0.0.1', () => resolve(true))
    })
    if (listens) return udp
    udp.close()
  }
}
