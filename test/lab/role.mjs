// A process of the lab inside one of the namespaces, spoken to over IPC: each message is answered by one.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { SPACES } from './network.mjs'

const running = new Set()

/** Starts `file` in `space`. */
export async function start(space, file, setting) {
  const script = fileURLToPath(new URL(file, import.meta.url))
  const node = [process.execPath, script, JSON.stringify(setting)]
  const child = spawn('ip', ['netns', 'exec', SPACES[space], ...node], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  await answer(child, file)
  return {
    ask(message) {
      child.send(message)
      return answer(child, file)
    },
    get alive() {
      return running.has(child)
    },
    stop: () => stop(child),
  }
}

/** Ends what is still running. */
export async function stopAll() {
  await Promise.all([...running].map(stop))
}

/** In the process itself: answers each message by what `answer` makes of it. */
export function serve(answer) {
  process.on('message', async (message) => process.send(await answer(message)))
  process.on('disconnect', () => process.exit())
  process.send('ready')
}

/** In the process itself: what it was started with. */
export const setting = () => JSON.parse(process.argv[2] ?? '{}')

function answer(child, file) {
  return new Promise((resolve, reject) => {
    const ended = (code, signal) => reject(new Error(`${file} ended with ${code ?? signal}`))
    child.once('exit', ended)
    child.once('message', (message) => {
      child.removeListener('exit', ended)
      resolve(message)
    })
  })
}

function stop(child) {
  if (!running.has(child)) return Promise.resolve()
  child.kill('SIGKILL')
  return new Promise((resolve) => child.once('exit', resolve))
}
