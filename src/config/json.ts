import { parseDocument } from 'yaml'
import type { Document, Read } from './document.js'
import { readForwarder } from './own-pools.js'
import { NO_SERVICE, readServer, readService } from './own-server.js'
import { positionAt, Problems, refuse } from './problems.js'
import { Section } from './section.js'
import { yamlPlaces } from './yaml-places.js'

/** Our own options by their names in code: `forwarder`, `server` and `service`, or those of a forwarder alone. */
export function readJson({ text, file, folder }: Document): Read {
  const value = parseJson(text, file)
  const document = parseDocument(text, { prettyErrors: false })
  const problems = new Problems(file, yamlPlaces(text, document).locate)
  for (const { code, pos } of document.errors)
    if (code === 'DUPLICATE_KEY') problems.errorAt(positionAt(text, pos[0]), 'has a key that is there before')
  const root = Section.from(problems, { value, path: [] }, 'camel')
  const reading = { problems, folder, spelling: 'camel' } as const
  if (root === null) return { problems, forwarder: {}, server: {}, service: NO_SERVICE }
  const server = root.section('server')
  const service = root.section('service')
  const forwarder = root.has('forwarder') ? root.section('forwarder') : root
  const read = {
    problems,
    forwarder: forwarder === null ? {} : readForwarder(reading, forwarder),
    server: server === null ? {} : readServer(reading, server),
    service: service === null ? NO_SERVICE : readService(service),
  }
  root.finish(['forwarder', 'server', 'service'])
  return read
}

function parseJson(text: string, file: string | null): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const what = (error as Error).message.split(/ (?:in|after) JSON at position|, (?:\.\.\.)?"/, 1)[0]!
    return refuse(file, positionAt(text, faultIn(text, error)), `is not JSON: ${what}`)
  }
}

/** Where `text` stops being JSON. Node doesn't always tell, but what comes before that is only ever unfinished. */
function faultIn(text: string, error: unknown): number {
  const told = /at position (\d+)/.exec((error as Error).message)
  if (told !== null) return Number(told[1])
  let good = 0
  for (let bad = text.length; good < bad;) {
    const middle = Math.ceil((good + bad) / 2)
    if (isUnfinished(text.slice(0, middle))) good = middle
    else bad = middle - 1
  }
  return good
}

function isUnfinished(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    const { message } = error as Error
    const told = /at position (\d+)/.exec(message)
    return told === null ? message.includes('end of JSON') : Number(told[1]) >= text.length
  }
}
