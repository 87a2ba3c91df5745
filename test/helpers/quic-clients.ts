import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram, type RootProgram } from './debian-root.js'
import { said } from './digs.js'
import type { Question } from './nsd.js'
import { temporaryFolder, type Ran } from './peer.js'

/** Clients of others that speak DNS over QUIC and print a message. */
export const KDIGS = ['kdig 3.4', 'kdig 3.5'] as const
/** Clients of others that speak HTTP/3. */
export const CURLS = ['curl 8.14', 'curl 8.22'] as const

const SECTIONS = ['+noall', '+header', '+question', '+answer', '+authority', '+additional', '+nottl']

/** What kdig prints of a reply over TCP. */
export async function kdigOverTcp(kdig: RootProgram, port: number, { name, type }: Question): Promise<string> {
  const { stdout } = await runProgram(kdig, ['@127.0.0.1', '-p', `${port}`, '+tcp', ...SECTIONS, name, type])
  return said(stdout)
}

/** What kdig prints of a reply over QUIC; what went wrong where there is none. */
export async function kdigOverQuic(
  kdig: RootProgram,
  place: { port: number; ca: string; host?: string },
  { name, type }: Question,
): Promise<string> {
  const trust = [`+tls-ca=${place.ca}`, `+tls-hostname=${place.host ?? 'localhost'}`, '+retry=0']
  const args = ['@127.0.0.1', '-p', `${place.port}`, '+quic', ...trust, ...SECTIONS, name, type]
  const { stdout, stderr } = await runProgram(kdig, args)
  // It may have taken a type that it doesn't know for another name to ask for.
  const lines = said(stdout).split('\n')
  const message = lines.filter((line) => !line.startsWith(';; QUIC session'))
  return message.length < lines.length ? message.join('\n') : `no session: ${stdout}${stderr}`
}

/** What one connection of quic-go's client came to. */
export interface QuicGoResult {
  readonly answered: number
  readonly failed: number
  /** The first thing that went wrong. */
  readonly first: string
  readonly resumed: boolean
  readonly early: boolean
}

/** Has quic-go ask for h0.load.example and so on. */
export async function quicGo(
  place: { port: number; ca: string },
  load: { queries: number; flight: number; connections: number },
): Promise<QuicGoResult[]> {
  const numbers = ['-queries', `${load.queries}`, '-flight', `${load.flight}`, '-connections', `${load.connections}`]
  const args = ['-server', `127.0.0.1:${place.port}`, '-ca', place.ca, ...numbers]
  const { stdout, stderr } = await runProgram('quic-go client', args)
  if (stderr !== '') throw new Error(stderr)
  return stdout.trim().split('\n').map((line) => JSON.parse(line) as QuicGoResult) // prettier-ignore
}

/** What dnspython says: how many replies over QUIC, or HTTP/3 by GET or POST, were what came over TCP, and those that were not. */
export async function dnspython(
  way: 'doq' | 'GET' | 'POST',
  place: { port: number; straight: number; ca: string },
  questions: readonly Question[],
  flight: number,
): Promise<{ equal: number; others: string[][] }> {
  const script = fileURLToPath(new URL('../fixtures/python/quic-client.py', import.meta.url))
  const file = join(temporaryFolder('questions'), 'questions')
  writeFileSync(file, questions.map(({ name, type }) => `${name} ${type}\n`).join(''))
  const args = [script, way, `${place.port}`, `${place.straight}`, place.ca, `${flight}`, file]
  const { stdout, stderr } = await runProgram('python', args)
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as { equal: number; others: string[][] }
}

/** What curl got: the octets of the body, and what `--write-out` printed. */
export interface Curled {
  readonly body: Buffer
  readonly printed: string
  readonly ran: Ran
}

/** Has curl send a query to https://localhost, by GET or by POST. */
export async function curl(
  program: RootProgram,
  place: { port: number; ca: string },
  query: Buffer,
  options: { method?: 'GET' | 'POST'; type?: string; flags?: readonly string[]; print?: string } = {},
): Promise<Curled> {
  const folder = temporaryFolder('curl')
  const [sent, got] = [join(folder, 'query'), join(folder, 'reply')]
  writeFileSync(sent, query)
  writeFileSync(got, '')
  const url = `https://localhost:${place.port}/dns-query`
  const body = ['-H', `content-type: ${options.type ?? 'application/dns-message'}`, '--data-binary', `@${sent}`, url]
  const request = options.method === 'POST' ? body : [`${url}?dns=${query.toString('base64url')}`]
  const ran = await runProgram(program, [
    ...['-sS', '--max-time', '10', '--cacert', place.ca, '--resolve', `localhost:${place.port}:127.0.0.1`],
    ...(options.flags ?? ['--http3-only']),
    ...['-o', got, '-w', options.print ?? '%{http_version} %{http_code} %{content_type}'],
    ...request,
  ])
  return { body: readFileSync(got), printed: ran.stdout, ran }
}
