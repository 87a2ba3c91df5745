import { watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Clock, Timer } from '../base/clock.js'

/** How long a file must have been left alone before it is looked at, in ms: editors write in several steps. */
const QUIET = 200

/** What to tell of a file. */
export interface FileWatcher {
  /** It holds something else by now. */
  onChange(): void
  /** It can't be watched. */
  onTrouble(error: Error): void
}

/**
 * Watches a file by the folder that it is in, since editors and orchestrators put another one in its place; what is in
 * it decides, not what was done to it.
 *
 * @returns how to stop that
 */
export function watchFile(file: string, clock: Clock, { onChange, onTrouble }: FileWatcher): () => void {
  let text: string | null = null
  let timer: Timer | null = null
  let isOver = false
  const read = (): Promise<string | null> => readFile(file, 'utf8').catch(() => null)
  const look = async (): Promise<void> => {
    timer = null
    const now = await read()
    // A file that is gone for a moment is none that has changed.
    if (isOver || now === null || now === text) return
    const isFirst = text === null
    text = now
    if (!isFirst) onChange()
  }
  const soon = (): void => {
    if (timer !== null) clock.clearTimeout(timer)
    timer = clock.setTimeout(() => void look(), QUIET)
    timer.unref?.()
  }
  void look()
  const watcher = (() => {
    try {
      return watch(dirname(resolve(file)), { persistent: false }, soon).on('error', onTrouble)
    } catch (error) {
      onTrouble(error as Error)
      return null
    }
  })()
  return () => {
    isOver = true
    if (timer !== null) clock.clearTimeout(timer)
    watcher?.close()
  }
}
