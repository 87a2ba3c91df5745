#!/usr/bin/env node
import { getServers } from 'node:dns'
import { notifySystemd } from './notify.js'
import { passedSockets } from './passed-sockets.js'
import { run } from './run.js'
import { WorkerLink } from './worker-signals.js'

// A reader that has seen enough, as in `headrace query … | head`, is no error.
process.stdout.on('error', () => process.exit())

const { stdout, stderr, env } = process
const worker = WorkerLink.of(process, env)
const code = await run({
  args: process.argv.slice(2),
  stdout,
  stderr,
  env,
  signals: worker?.signals ?? process,
  worker,
  passed: passedSockets(env, process.pid),
  notify: worker === null ? notifySystemd(env) : () => undefined,
  systemServers: getServers,
  stdin: () => process.stdin,
})
// Whatever a library still holds, the command is over once its output is out.
stdout.write('', () => process.exit(code))
