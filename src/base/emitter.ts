import { EventEmitter } from 'eventemitter3'

/** Maps each event name to the one object that its listeners receive. */
type EventMap<E> = { [K in keyof E]: [event: object] }

/** Base of every class that reports what it does. Reporting never changes the outcome of a query. */
export class Emitter<E extends EventMap<E>> extends EventEmitter<E> {
  /**
   * Emits `event` if anybody listens; `describe` builds the payload only then. A listener that throws surfaces as an
   * uncaught exception, never in the query that it was told of; as with any EventEmitter, those after it are not told.
   */
  protected notify<K extends keyof E & string>(event: K, describe: () => E[K][0]): void {
    const self: EventEmitter<string> = this as never
    if (self.listenerCount(event) === 0) return
    try {
      self.emit(event, describe())
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }
}
