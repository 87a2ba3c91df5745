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
  const problems = new Problems(file, yamlPlaces(text, parseDocument(text)).locate)
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
    const { message } = error as Error
    const offset = /at position (\d+)/.exec(message)
    return refuse(file, positionAt(text, offset === null ? text.length : Number(offset[1])), `is not JSON: ${message}`)
  }
}
