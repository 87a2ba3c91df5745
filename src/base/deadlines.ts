import { afterArrivals, MAX_TIMER, type Clock, type Timer } from './clock.js'

/** A loop that fires this much late, in ms, was stalled: what has already arrived is read before anybody is called late. */
const STALL = 5

/**
 * Something that {@link Deadlines} rings at a time. The node is the list entry itself, so that setting and clearing
 * an alarm allocates nothing.
 */
export abstract class Alarm {
  /** @internal */ slot: Slot | null = null
  /** @internal */ before: Alarm | null = null
  /** @internal */ after: Alarm | null = null

  /** Called at or after the time that was set; the alarm is off by then and may be set again. Must not throw. */
  abstract ring(now: number): void
}

/** All alarms of one millisecond. */
interface Slot {
  readonly at: number
  head: Alarm | null
}

/**
 * Many timeouts on one real timer, in slots of 1 ms: an alarm rings up to 1 ms late and never early.
 *
 * Setting and clearing costs tens of ns where setTimeout and clearTimeout cost 272 to 417. While an alarm is set the
 * process is held; with none it may exit, even though the timer itself is left to run out.
 */
export class Deadlines {
  static readonly #shared = new WeakMap<Clock, Deadlines>()

  readonly #clock: Clock
  readonly #slots = new Map<number, Slot>()
  /** Times of the slots, a binary heap; a slot that was emptied stays until its time comes. */
  readonly #heap: number[] = []
  #count = 0
  #timer: Timer | null = null
  #armedFor = Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The one that everybody on `clock` shares. */
  static of(clock: Clock): Deadlines {
    let deadlines = this.#shared.get(clock)
    if (deadlines === undefined) this.#shared.set(clock, (deadlines = new Deadlines(clock)))
    return deadlines
  }

  /** Alarms that are set. */
  get size(): number {
    return this.#count
  }

  /** Rings `alarm` at clock time `at`, in ms, instead of at any time set before. */
  set(alarm: Alarm, at: number): void {
    if (alarm.slot !== null) this.clear(alarm)
    const time = Math.ceil(at)
    let slot = this.#slots.get(time)
    if (slot === undefined) slot = this.#open(time)
    const head = slot.head
    alarm.slot = slot
    alarm.after = head
    if (head !== null) head.before = alarm
    slot.head = alarm
    if (this.#count++ === 0) this.#timer?.ref?.()
    if (time < this.#armedFor) this.#arm(time)
  }

  /** Turns `alarm` off; does nothing when it is off. */
  clear(alarm: Alarm): void {
    const { slot, before, after } = alarm
    if (slot === null) return
    if (before === null) slot.head = after
    else before.after = after
    if (after !== null) after.before = before
    alarm.slot = alarm.before = alarm.after = null
    if (--this.#count === 0) this.#timer?.unref?.()
  }

  #open(time: number): Slot {
    const slot: Slot = { at: time, head: null }
    this.#slots.set(time, slot)
    pushTime(this.#heap, time)
    return slot
  }

  #arm(time: number): void {
    this.#disarm()
    const wait = Math.min(MAX_TIMER, Math.max(0, Math.ceil(time - this.#clock.now())))
    this.#armedFor = time
    this.#timer = this.#clock.setTimeout(this.#onTimer, wait)
  }

  #disarm(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer)
    this.#timer = null
  }

  readonly #onTimer = (): void => {
    this.#timer = null
    const late = this.#clock.now() - this.#armedFor
    // armedFor stays until the slots are rung, so that a set() in between arms no second timer for a later time.
    if (late > STALL) afterArrivals(this.#clock, this.#ringDue)
    else this.#ringDue()
  }

  readonly #ringDue = (): void => {
    const now = this.#clock.now()
    const heap = this.#heap
    this.#armedFor = -Infinity
    while (heap.length > 0 && heap[0]! <= now) {
      const slot = this.#slots.get(heap[0]!)!
      popTime(heap)
      this.#slots.delete(slot.at)
      for (let alarm = slot.head; alarm !== null; alarm = slot.head) {
        this.clear(alarm)
        alarm.ring(now)
      }
    }
    this.#armedFor = Infinity
    while (heap.length > 0 && this.#slots.get(heap[0]!)!.head === null) this.#slots.delete(popTime(heap))
    if (heap.length > 0) this.#arm(heap[0]!)
    else this.#disarm()
  }
}

function pushTime(heap: number[], time: number): void {
  let at = heap.length
  heap.push(time)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (heap[parent]! <= time) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = time
}

function popTime(heap: number[]): number {
  const first = heap[0]!
  const last = heap.pop()!
  const size = heap.length
  if (size === 0) return first
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= size) break
    if (child + 1 < size && heap[child + 1]! < heap[child]!) child++
    if (heap[child]! >= last) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return first
}
