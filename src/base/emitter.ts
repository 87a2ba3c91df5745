import { EventEmitter } from 'eventemitter3'

/** Maps each event name to the one object that its listeners receive. */
type EventMap<E> = { [K in keyof E]: [event: object] }

/** Base of every class that reports what it does. Reporting never changes the outcome of a query. */
export class Emitter<E extends EventMap<E>> extends EventEmitter<E> {
  #heard = false

  /** Whether anybody ever subscribed: until then {@link notify} need not even be called, nor its closure made. */
  protected get heard(): boolean {
    return this.#heard
  }

  override on<T extends EventEmitter.EventNames<E>>(
    event: T,
    listener: EventEmitter.EventListener<E, T>,
    context?: unknown,
  ): this {
    this.#heard = true
    return super.on(event, listener, context)
  }

  override addListener<T extends EventEmitter.EventNames<E>>(
    event: T,
    listener: EventEmitter.EventListener<E, T>,
    context?: unknown,
  ): this {
    return this.on(event, listener, context)
  }

  override once<T extends EventEmitter.EventNames<E>>(
    event: T,
    listener: EventEmitter.EventListener<E, T>,
    context?: unknown,
  ): this {
    this.#heard = true
    return super.once(event, listener, context)
  }

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
