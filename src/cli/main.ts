#!/usr/bin/env node
import { getServers } from 'node:dns'
import { run } from './run.js'

// A reader that has seen enough, as in `headrace query … | head`, is no error.
process.stdout.on('error', () => process.exit())

const { stdout, stderr, env } = process
const code = await run({
  args: process.argv.slice(2),
  stdout,
  stderr,
  env,
  signals: process,
  systemServers: getServers,
  stdin: () => process.stdin,
})
// Whatever a library still holds, the command is over once its output is out.
stdout.write('', () => process.exit(code))
